"""The release's text path against diffusers' pipelines, on tiny random models and a real tokenizer."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from flythrough.refiner.config import ConnectorsConfig
from flythrough.refiner.connectors import TextConnectors, unused
from flythrough.text.gemma import GemmaStates, GemmaText, load_tokenizer, normalised
from flythrough.text.instruction import FILE, instruction
from tests.gemma import gemma2, gemma3, randomised, same

PROMPTS = ["fog over the pier", "", "boats, gulls and a long stone pier at dawn. " * 20]
TINY = {
    "caption_channels": 32,
    "text_proj_in_factor": 8,
    "video_connector_num_attention_heads": 2,
    "video_connector_attention_head_dim": 16,
    "video_connector_num_learnable_registers": 8,
    "audio_connector_num_attention_heads": 2,
    "audio_connector_attention_head_dim": 16,
    "audio_connector_num_learnable_registers": 8,
}
ROPES = pytest.mark.parametrize("rope_type", ["interleaved", "split"])


def connectors(rope_type: Any) -> tuple[Any, TextConnectors]:
    from diffusers.pipelines.ltx2.connectors import LTX2TextConnectors

    peer = randomised(LTX2TextConnectors(**TINY, rope_type=rope_type))
    ours = TextConnectors(
        ConnectorsConfig(
            caption_channels=32, states=8, heads=2, head_dim=16, registers=8, rope_type=rope_type
        )
    )  # type: ignore[arg-type]
    ours.load_state_dict(
        {key: value for key, value in peer.state_dict().items() if not unused(key)}, strict=True
    )
    return peer, ours.eval().requires_grad_(False)


def test_the_instruction_is_the_one_of_training(tmp_path: Path) -> None:
    from diffusers.pipelines.sana_wm.pipeline_sana_wm import DEFAULT_CHI_PROMPT

    assert FILE.read_bytes() == "\n".join(DEFAULT_CHI_PROMPT).encode()
    assert instruction() == instruction(tmp_path) == "\n".join(DEFAULT_CHI_PROMPT)


@pytest.mark.parametrize("tokens", [300, 12])
def test_prompts_match_the_pipeline_of_diffusers(tmp_path: Path, tokens: int) -> None:
    from diffusers.pipelines.sana_wm.pipeline_sana_wm import DEFAULT_CHI_PROMPT

    pipeline: Any = import_module("diffusers").SanaWMPipeline
    peer = SimpleNamespace(text_encoder=gemma2(tmp_path), tokenizer=load_tokenizer(tmp_path))
    ours = GemmaText(tmp_path, tokens=tokens)
    states, mask = ours.encode(PROMPTS)
    negative, negative_mask = ours.encode_negative(["", "gulls"])

    assert states.shape == (3, tokens, ours.channels) == (3, tokens, 32)
    for number, prompt in enumerate(PROMPTS):
        expected, real, *_ = pipeline.encode_prompt(
            peer,
            prompt,
            device=torch.device("cpu"),
            max_sequence_length=tokens,
            chi_prompt=DEFAULT_CHI_PROMPT,
        )
        assert torch.equal(mask[number], real[0].bool())
        same(states[number], expected[0, 0] * real[0, :, None])
    for number, prompt in enumerate(["", "gulls"]):
        *_, expected, real = pipeline.encode_prompt(
            peer, "", prompt, device=torch.device("cpu"), max_sequence_length=tokens
        )
        assert torch.equal(negative_mask[number], real[0].bool())
        same(negative[number], expected[0, 0] * real[0, :, None])


@ROPES
def test_captions_match_the_refiner_of_diffusers(tmp_path: Path, rope_type: str) -> None:
    """From the prompt on, through padding to the full length, two normalisations and registers, to what is attended."""
    refiner: Any = import_module("diffusers").SanaWMLTX2Refiner
    peer_connectors, ours = connectors(rope_type)
    peer = SimpleNamespace(
        text_encoder=gemma3(tmp_path),
        tokenizer=load_tokenizer(tmp_path),
        connectors=peer_connectors,
        text_max_sequence_length=64,
    )
    packed, mask = GemmaStates(tmp_path, tokens=64).encode(PROMPTS)
    captions = ours(packed, mask, tokens=64)

    assert mask.sum(1).tolist()[1:] == [1, 64]
    for number, prompt in enumerate(PROMPTS):
        expected, real = refiner._encode_prompt(peer, prompt, device=torch.device("cpu"), dtype=torch.float32)
        assert bool(real.all())
        torch.testing.assert_close(captions[number], expected[0], rtol=1e-3, atol=1e-4)


@ROPES
@pytest.mark.parametrize("lengths", [(16, 5), (1, 12)])
def test_connectors_match_diffusers(rope_type: str, lengths: tuple[int, int]) -> None:
    peer, ours = connectors(rope_type)
    states, mask = torch.randn(2, 16, 32, 8), torch.zeros(2, 16, dtype=torch.int64)
    for clip, length in enumerate(lengths):
        mask[clip, 16 - length :] = 1

    def packed(clip: int, length: int) -> Tensor:
        rows = [normalised(states[clip, 16 - length :, :, layer]) for layer in range(8)]
        return torch.nn.functional.pad(torch.stack(rows, dim=-1).flatten(1), (0, 0, 16 - length, 0))

    expected, _, real = peer(states, mask)
    captions = ours(torch.stack([packed(*pair) for pair in enumerate(lengths)]), mask, tokens=16)

    assert bool(real.all())
    same(captions, expected)


def test_the_names_are_those_of_diffusers_connectors(tmp_path: Path) -> None:
    from diffusers.pipelines.ltx2.connectors import LTX2TextConnectors

    with torch.device("meta"):
        peer = LTX2TextConnectors()
        ours = TextConnectors(ConnectorsConfig())
    assert {key: value.shape for key, value in peer.state_dict().items() if not unused(key)} == {
        key: value.shape for key, value in ours.state_dict().items()
    }
    peer.save_config(tmp_path)
    assert ConnectorsConfig.from_json(tmp_path / "config.json") == ConnectorsConfig()
