"""An official model at toy size, saved as each publisher lays it out, flies the same flight through the front door."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from flythrough.camera.path import CameraPath
from flythrough.errors import InputError, WeightsError
from flythrough.layouts import save_diffusers, save_nvlabs
from flythrough.media import Film
from flythrough.model.transformer import SanaWM
from flythrough.pipeline import Pipeline
from flythrough.presets import PRESETS, Preset
from flythrough.randomness import random_module
from flythrough.shot import Shot
from tests.gemma import gemma2, gemma3, randomised
from tests.toys import toy

pytestmark = pytest.mark.filterwarnings("ignore")
FIRST = np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8)
AUDIO = {
    "audio_num_attention_heads": 2,
    "audio_attention_head_dim": 8,
    "audio_cross_attention_dim": 16,
    "audio_in_channels": 8,
    "audio_out_channels": 8,
}


@pytest.fixture(scope="module")
def plans() -> dict[str, Preset]:
    """The three releases, each as small as can be."""
    words = {"caption_channels": 32}
    orders = {"sana-wm": "whole", "sana-wm-chunk-causal": "staggered", "sana-wm-streaming": "stream"}
    small = {name: toy(order) for name, order in orders.items()}
    return {name: replace(plan, model=replace(plan.model, **words)) for name, plan in small.items()}


@pytest.fixture(autouse=True)
def _small(plans: dict[str, Preset], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, plan in plans.items():
        monkeypatch.setitem(PRESETS, name, plan)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, plans: dict[str, Preset]) -> Path:
    """Parts as diffusers and transformers save them: vae, causal_vae, refiner, connectors, both Gemmas."""
    torch.manual_seed(0)
    shelf, diffusers = tmp_path_factory.mktemp("shelf"), import_module("diffusers")
    for folder, causal in (("vae", False), ("causal_vae", True)):
        config = plans["sana-wm"].vae
        vae = diffusers.AutoencoderKLLTX2Video(
            **{name: getattr(config, name) for name in vars(config)} | {"decoder_causal": causal},
            spatial_compression_ratio=32,
            temporal_compression_ratio=8,
        )
        vae.save_pretrained(shelf / folder)
    refiner: Any = diffusers.SanaWMLTX2RefinerTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=16,
        cross_attention_dim=32,
        num_layers=2,
        caption_channels=32,
        in_channels=8,
        out_channels=8,
        rope_type="split",
        **AUDIO,
    )
    randomised(refiner).save_pretrained(shelf / "refiner")
    connectors = import_module("diffusers.pipelines.ltx2.connectors").LTX2TextConnectors(
        caption_channels=32,
        text_proj_in_factor=8,
        video_connector_num_attention_heads=2,
        video_connector_attention_head_dim=16,
        video_connector_num_learnable_registers=128,
        audio_connector_num_attention_heads=2,
        audio_connector_attention_head_dim=16,
        audio_connector_num_learnable_registers=128,
        rope_type="split",
    )
    randomised(connectors).save_pretrained(shelf / "connectors")
    for name, make in (("gemma2", gemma2), ("gemma3", gemma3)):
        (shelf / name).mkdir()
        make(shelf / name)
    return shelf


def model(plan: Preset) -> SanaWM:
    return random_module(lambda: SanaWM(plan.model), torch.device("cpu"), torch.float32)


def lay_out(folder: Path, shelf: Path, links: dict[str, str]) -> None:
    for place, part in links.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).symlink_to(shelf / part)


def nvidia(folder: Path, shelf: Path, plan: Preset) -> Path:
    """The bidirectional repository: one file of weights, refiner and its text beside."""
    lay_out(
        folder,
        shelf,
        {
            "vae": "vae",
            "gemma-2-2b-it": "gemma2",
            "refiner/transformer": "refiner",
            "refiner/connectors": "connectors",
            "refiner/text_encoder": "gemma3",
        },
    )
    save_nvlabs(model(plan), folder / "dit" / "sana_wm_1600m_720p.safetensors")
    return folder


def huggingface(folder: Path, shelf: Path, plan: Preset) -> Path:
    """A diffusers pipeline, its refiner beside."""
    places = {"vae": "vae", "text_encoder": "gemma2", "tokenizer": "gemma2"}
    refiner = {
        "refiner/transformer": "refiner",
        "refiner/connectors": "connectors",
        "refiner/text_encoder": "gemma3",
    }
    lay_out(folder, shelf, places | refiner)
    (folder / "transformer").mkdir()
    save_diffusers(model(plan), folder / "transformer")
    return folder


def bundle(folder: Path, shelf: Path, plan: Preset) -> Path:
    """The streaming bundle: a pickled training state, the causal autoencoder."""
    lay_out(
        folder,
        shelf,
        {
            "ltx2_causal_vae": "causal_vae",
            "gemma-2-2b-it": "gemma2",
            "refiner_diffusers/transformer": "refiner",
            "refiner_diffusers/connectors": "connectors",
            "gemma3_12b": "gemma3",
        },
    )
    (folder / "sana_dit").mkdir()
    weights = {f"model.{name}": tensor for name, tensor in model(plan).state_dict().items()}
    torch.save({"generator": weights, "critic": {"x": torch.zeros(3)}}, folder / "sana_dit" / "model.pt")
    return folder


def flight(folder: Path, frames: int = 25, prompt: str = "fog over the water", refine: bool = True) -> Film:
    pipeline = Pipeline.load(folder, device="cpu", dtype=torch.float32, refine=refine)
    path = CameraPath.parse("dolly", frames=frames, height=64, width=96)
    return np.concatenate(list(pipeline.generate(Shot(camera=path, image=FIRST, prompt=prompt))))


def test_two_layouts_of_one_model_fly_one_flight(
    tmp_path: Path, shelf: Path, plans: dict[str, Preset]
) -> None:
    one = flight(nvidia(tmp_path / "nvidia", shelf, plans["sana-wm"]))
    other = flight(huggingface(tmp_path / "huggingface", shelf, plans["sana-wm"]))
    assert one.shape == (25, 64, 96, 3)
    assert one.std() > 1
    assert np.array_equal(one, other)


def test_the_streaming_bundle_flies_and_hears_its_prompt(
    tmp_path: Path, shelf: Path, plans: dict[str, Preset]
) -> None:
    folder = bundle(tmp_path, shelf, plans["sana-wm-streaming"])
    assert Pipeline.check(folder) is PRESETS["sana-wm-streaming"]
    once, again, otherwise = (flight(folder, prompt=prompt) for prompt in ("boats", "boats", "a stone pier"))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, otherwise)
    assert not np.array_equal(once, flight(folder, prompt="boats", refine=False))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda f: (f / "vae").unlink(), "has no vae"),
        (lambda f: (f / "refiner/connectors").unlink(), "connectors"),
        (lambda f: swap(f / "vae", f / "refiner/transformer"), "config.json"),
        (lambda f: rewrite(f, shelf_of(f, "refiner"), {"rope_type": "spiral"}), "rope_type"),
    ],
    ids=["no vae", "no connectors", "parts mixed up", "an unknown rope"],
)
def test_a_folder_that_is_not_whole_is_refused_in_a_sentence(
    tmp_path: Path, shelf: Path, plans: dict[str, Preset], spoil: Any, says: str
) -> None:
    folder = nvidia(tmp_path / "model", shelf, plans["sana-wm"])
    spoil(folder)
    with pytest.raises((InputError, WeightsError), match=says) as caught:
        flight(folder)
    assert "\n" not in str(caught.value)


def swap(one: Path, other: Path) -> None:
    here, there = one.resolve(), other.resolve()
    one.unlink()
    other.unlink()
    one.symlink_to(there)
    other.symlink_to(here)


def shelf_of(folder: Path, part: str) -> Path:
    return (folder / "vae").resolve().parent / part


def rewrite(folder: Path, part: Path, changes: dict[str, Any]) -> None:
    """The refiner with another config, the weights of the shelf."""
    place = folder / "refiner" / "transformer"
    place.unlink()
    place.mkdir()
    config = json.loads((part / "config.json").read_text()) | changes
    (place / "config.json").write_text(json.dumps(config))
    (place / "diffusion_pytorch_model.safetensors").symlink_to(part / "diffusion_pytorch_model.safetensors")
