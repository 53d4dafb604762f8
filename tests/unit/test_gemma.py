"""The release's text encoders: which folders they take, what they keep of a prompt, and what they leave alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from flythrough.errors import WeightsError
from flythrough.text.base import TextEncoder
from flythrough.text.gemma import GemmaStates, GemmaText
from flythrough.text.instruction import instruction
from tests.gemma import gemma2, gemma3, rewrite, same


def test_prompts_in_a_batch_are_prompts_alone(tmp_path: Path) -> None:
    gemma2(tmp_path)
    text: TextEncoder = GemmaText(tmp_path, tokens=24, instruction="User Prompt: ")
    prompts = ["fog", "a long stone pier", ""]
    states, mask = text.encode(prompts)
    for number, prompt in enumerate(prompts):
        alone, real = text.encode([prompt])
        assert torch.equal(mask[number], real[0])
        same(states[number], alone[0])
    assert states.dtype == torch.float32
    assert not states[~mask].any()


def test_a_long_prompt_loses_its_end_and_no_more(tmp_path: Path) -> None:
    gemma2(tmp_path)
    text = GemmaText(tmp_path, tokens=8, instruction="")
    longer, mask = text.encode(["boats, gulls and fog" * 9])
    longest, _ = text.encode(["boats, gulls and fog" * 99])
    assert mask.all()
    assert torch.equal(longer, longest)


def test_without_an_instruction_positive_and_negative_are_one(tmp_path: Path) -> None:
    gemma2(tmp_path)
    text = GemmaText(tmp_path, tokens=12, instruction="")
    for one, other in zip(text.encode(["fog"]), text.encode_negative(["fog"]), strict=True):
        assert torch.equal(one, other)
    _, mask = text.encode_negative()
    assert mask.sum() == 1


def test_bfloat16_weights_give_float32_states_near_the_exact_ones(tmp_path: Path) -> None:
    gemma2(tmp_path)
    exact, _ = GemmaText(tmp_path, tokens=20).encode(["fog over the pier"])
    rough, _ = GemmaText(tmp_path, tokens=20, dtype=torch.bfloat16).encode(["fog over the pier"])
    assert rough.dtype == torch.float32
    assert 0 < (rough - exact).abs().max() < 0.1 * exact.abs().max()


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: name,
        lambda name: name.replace("language_model.model.", "model.language_model."),
        lambda name: name.replace("language_model.", "", 1) if "language_model" in name else None,
        lambda name: name.replace("language_model.model.", "") if "language_model" in name else None,
    ],
    ids=["hub", "new", "text", "bare"],
)
def test_every_way_to_name_the_decoder_is_read(tmp_path: Path, rename: Callable[[str], str | None]) -> None:
    gemma3(tmp_path)
    expected, _ = GemmaStates(tmp_path, tokens=32).encode(["fog over the pier"])
    rewrite(tmp_path, rename)
    states = GemmaStates(tmp_path, tokens=32)
    same(states.encode(["fog over the pier"])[0], expected)
    assert not any("vision" in name or "lm_head" in name for name in states._model.state_dict())


def test_packing_leaves_no_hooks_and_has_every_layer(tmp_path: Path) -> None:
    gemma3(tmp_path)
    states = GemmaStates(tmp_path, tokens=32, dtype=torch.bfloat16)
    packed, mask = states.encode(["fog over the pier", "fog"])
    again, _ = states.encode(["fog over the pier", "fog"])

    assert torch.equal(packed, again)
    assert not any(layer._forward_pre_hooks for layer in states._model.layers)
    assert packed.dtype == torch.bfloat16
    assert packed.shape == (2, int(mask.sum(1).max()), 32 * states.states)
    layers = packed[0].float().unflatten(-1, (32, states.states))
    assert states.states == 8
    torch.testing.assert_close(
        layers.amax((0, 1)) - layers.amin((0, 1)), torch.full((8,), 8.0), rtol=0, atol=0.02
    )
    assert not packed[~mask].any()


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no tokenizer that transformers can read"):
        GemmaText(tmp_path)
    gemma2(tmp_path / "two")
    with pytest.raises(WeightsError, match="holds a gemma2, where a gemma3_text is needed"):
        GemmaStates(tmp_path / "two")
    with pytest.raises(WeightsError, match=r"has no config\.json"):
        GemmaText(tmp_path, tokenizer=tmp_path / "two")
    rewrite(tmp_path / "two", lambda name: None if name.endswith("model.norm.weight") else name)
    with pytest.raises(WeightsError, match=r"has no tensor norm\.weight"):
        GemmaText(tmp_path / "two")
    rewrite(tmp_path / "two", lambda name: None if "embed" in name else name)
    with pytest.raises(WeightsError, match=r"0 tensors called embed_tokens\.weight"):
        GemmaText(tmp_path / "two")


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    model = gemma2(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(WeightsError, match="not safetensors"):
        GemmaText(tmp_path)


def test_a_models_own_instruction_comes_first(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        'text_encoder:\n  chi_prompt:\n    - "Look:"\n    - "User Prompt: "\n'
    )
    assert instruction(tmp_path) == "Look:\nUser Prompt: "
    for text in ("model: {}", "text_encoder: {}", "[]"):
        (tmp_path / "config.yaml").write_text(text)
        assert instruction(tmp_path) == instruction()
    (tmp_path / "config.yaml").write_text("text_encoder: {chi_prompt: 3}")
    with pytest.raises(WeightsError, match="it must be a list of lines"):
        instruction(tmp_path)
    (tmp_path / "config.yaml").write_text("a: [")
    with pytest.raises(WeightsError, match="not a readable YAML file"):
        instruction(tmp_path)
