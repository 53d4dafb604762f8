"""SANA-WM's weights go to diffusers and come back: the same names, the same shapes, the same bits."""

from __future__ import annotations

import json
import math
import os
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from flythrough.errors import WeightsError
from flythrough.layouts import (
    Identity,
    diffusers_tensors,
    identify,
    load_transformer,
    nvlabs_tensors,
    open_part,
    our_name,
    save_diffusers,
    save_nvlabs,
)
from flythrough.model.config import ModelConfig
from flythrough.model.transformer import SanaWM
from flythrough.presets import PRESETS, WEIGHTS, preset

pytestmark = pytest.mark.filterwarnings("ignore")  # diffusers' own

SMALL = ModelConfig(
    depth=4,
    heads=2,
    head_dim=24,
    latent_channels=6,
    caption_channels=10,
    mlp_ratio=2.0,
    softmax_scale_main=24**-0.5,
    softmax_scale_camera=24**-0.5,
)


def ours(config: ModelConfig = SMALL) -> SanaWM:
    model = SanaWM(config)
    for parameter in model.parameters():
        parameter.data = torch.randn_like(parameter)
    return model.requires_grad_(False)


def diffusers_class() -> Any:
    from diffusers.models.transformers.transformer_sana_wm import SanaWMTransformer3DModel

    return SanaWMTransformer3DModel


def shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert tensor.dtype == other[name].dtype, name
        assert torch.equal(tensor, other[name]), name


@pytest.fixture
def on_meta_2b() -> SanaWM:
    with torch.device("meta"):
        return SanaWM(preset("sana-wm").model)


def diffusers_shapes() -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return shapes(diffusers_class()())


def sparse_file(path: Path, table: dict[str, tuple[int, ...]]) -> Path:
    """A safetensors file of float32 zeros that takes no room on the disk."""
    here, header = 0, {}
    for name, shape in table.items():
        after = here + 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [here, after]}
        here = after
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    os.truncate(path, 8 + len(text) + here)
    return path


def test_the_release_has_diffusers_870_tensors_of_the_same_shapes(on_meta_2b: SanaWM) -> None:
    theirs = diffusers_shapes()
    assert len(theirs) == 870

    as_ours = {our_name(name): shape for name, shape in theirs.items() if our_name(name) is not None}
    as_theirs = {name: tuple(tensor.shape) for name, tensor in diffusers_tensors(on_meta_2b).items()}

    assert as_ours == shapes(on_meta_2b)
    assert as_theirs == theirs


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_diffusers_folder_goes_there_and_back(dtype: torch.dtype, tmp_path: Path) -> None:
    model = ours().to(dtype)
    save_diffusers(model, tmp_path / "transformer")

    theirs = diffusers_class().from_pretrained(tmp_path / "transformer", torch_dtype=dtype)
    assert_same(diffusers_tensors(model), theirs.state_dict())

    theirs.save_pretrained(tmp_path / "back", max_shard_size="100KB")
    assert (tmp_path / "back" / "diffusion_pytorch_model.safetensors.index.json").is_file()
    back = load_transformer(tmp_path / "back", SMALL, dtype=dtype)
    assert_same(model.state_dict(), back.state_dict())


def test_an_nvlabs_file_goes_there_and_back_with_the_leftovers_of_the_first_releases(tmp_path: Path) -> None:
    model = ours()
    save_nvlabs(model, tmp_path / "ours.safetensors")
    published = load_file(tmp_path / "ours.safetensors")
    assert "blocks.0.attn.recall_gate" in published
    old = published | {"pos_embed": torch.zeros(1, 4, 48), "y_embedder.y_embedding": torch.zeros(3, 10)}
    save_file(old, tmp_path / "old.safetensors")

    for name in ("ours", "old"):
        loaded = load_transformer(tmp_path / f"{name}.safetensors", SMALL)
        assert_same(model.state_dict(), loaded.state_dict())


def test_the_streaming_releases_training_state_gives_its_generator(tmp_path: Path) -> None:
    model, path = ours(), tmp_path / "sana_dit" / "model.pt"
    path.parent.mkdir()
    state = {f"model.{name}": tensor for name, tensor in nvlabs_tensors(model).items()}
    other = {f"model.{name}": tensor + 1 for name, tensor in nvlabs_tensors(model).items()}
    torch.save({"critic": other, "generator": state, "step": 5}, path)
    assert_same(model.state_dict(), load_transformer(path, SMALL).state_dict())


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("SANA-WM_bidirectional/dit/sana_wm_1600m_720p.safetensors", "sana-wm"),
        ("SANA-WM_chunk_causal/dit/sana_wm_chunk_causal_1600m_720p.safetensors", "sana-wm-chunk-causal"),
        ("SANA-WM_streaming/sana_dit/model.safetensors", "sana-wm-streaming"),
    ],
)
def test_a_release_is_known_by_its_tensors_and_its_place(place: str, name: str, tmp_path: Path) -> None:
    path = sparse_file(tmp_path / place, diffusers_shapes())
    assert identify(path) == Identity("transformer", name if name in PRESETS else "sana-wm")
    assert identify(path, "sana-wm") == Identity("transformer", "sana-wm")
    with pytest.raises(
        WeightsError, match=r"x_embedder\.proj\.weight is \(2240, 128, 1, 1, 1\) with 20 blocks"
    ):
        identify(path, "mini")


def test_mini_is_known_by_its_shapes() -> None:
    assert identify(WEIGHTS / "mini" / "model.safetensors") == Identity("transformer", "mini")
    assert identify(WEIGHTS / "mini" / "vae.safetensors") == Identity("mini's autoencoder")


def test_a_transformer_of_no_known_size_is_refused(tmp_path: Path) -> None:
    save_nvlabs(ours(), tmp_path / "small.safetensors")
    with pytest.raises(WeightsError, match=r"small\.safetensors: x_embedder.* with 4 blocks; .*mini"):
        identify(tmp_path / "small.safetensors")


def test_parts_are_told_apart_by_diffusers_own_names(tmp_path: Path) -> None:
    from diffusers import AutoencoderKLLTX2Video, LTX2VideoTransformer3DModel
    from diffusers.pipelines.ltx2.connectors import LTX2TextConnectors

    with torch.device("meta"):
        peers: dict[str, Any] = {
            "LTX-2 autoencoder": AutoencoderKLLTX2Video(),
            "refiner": LTX2VideoTransformer3DModel(num_layers=1),
            "connectors": LTX2TextConnectors(),
        }
    for part, peer in peers.items():
        path = sparse_file(tmp_path / f"{part}.safetensors", shapes(peer))
        assert identify(path) == Identity(part)
        with pytest.raises(WeightsError, match=f"is of a {part}, where a transformer is needed: it has "):
            open_part(path, "transformer")


def test_weights_of_nothing_we_know_are_refused_by_their_first_tensor(tmp_path: Path) -> None:
    save_file({"classifier.weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match=r"other\.safetensors: it has classifier\.weight, which none"):
        identify(tmp_path / "other.safetensors")
