"""The refiner by its laws: what a block sees, what is computed once, what memory holds, and what is refused."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from flythrough.errors import InputError, WeightsError
from flythrough.refiner.config import ConnectorsConfig, RefinerConfig
from flythrough.refiner.refine import Noise, refine_block, refine_blocks, refine_whole, seeded_noise, start
from flythrough.refiner.state import RefinerState
from flythrough.refiner.transformer import LTX2Refiner, unused

FPS = 16.0


def tiny(dtype: torch.dtype = torch.float32) -> LTX2Refiner:
    model = LTX2Refiner(RefinerConfig(layers=2, heads=2, head_dim=16, latent_channels=4, caption_channels=12))
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model.to(dtype).eval().requires_grad_(False)


def clip(frames: int) -> tuple[Tensor, Tensor]:
    return torch.randn(1, 4, frames, 2, 3), torch.randn(1, 5, 12)


def noise(seed: int = 3) -> Noise:
    return seeded_noise(seed, "cpu", torch.float32)


def blocks(model: LTX2Refiner, latents: Tensor, captions: Tensor, **options: Any) -> list[Tensor]:
    return list(refine_blocks(model, latents, captions, noise(), fps=FPS, **options))


def state_of(history: int, block: int) -> RefinerState:
    latents, captions = clip(1)
    return start(tiny(), latents, captions, fps=FPS, block=block, kv_max_frames=history + 1)


def test_the_release_has_13_billion_parameters() -> None:
    with torch.device("meta"):
        model = LTX2Refiner(RefinerConfig())
    assert sum(p.numel() for p in model.parameters()) == 13_041_520_768
    assert not any(unused(key) for key in model.state_dict())


def test_one_block_of_everything_is_the_whole_clip_at_once() -> None:
    model, (latents, captions) = tiny(), clip(7)
    (loop,) = blocks(model, latents, captions, block=6)
    (whole,) = refine_whole(model, latents, captions, noise(), fps=FPS)
    torch.testing.assert_close(loop, whole)


def test_a_window_as_long_as_the_clip_is_an_unlimited_one() -> None:
    model, (latents, captions) = tiny(), clip(12)
    limited, unlimited = (blocks(model, latents, captions, kv_max_frames=most) for most in (12, None))
    torch.testing.assert_close(limited, unlimited, rtol=0, atol=0)
    assert not torch.allclose(blocks(model, latents, captions, kv_max_frames=6)[-1], unlimited[-1], atol=1e-4)


def test_pushing_blocks_one_by_one_is_the_loop() -> None:
    model, (latents, captions) = tiny(), clip(18)
    draw = noise()
    state = start(model, latents[:, :, :1], captions, fps=FPS)
    pushed = []
    for begin in range(1, 18, 3):
        z = latents[:, :, begin : begin + 3]
        *_, done = refine_block(model, state, z, draw(tuple(z.shape)))
        pushed.append(done)
    torch.testing.assert_close(pushed, blocks(model, latents, captions))
    assert state.frames == 18


def test_without_history_blocks_know_nothing_of_each_other() -> None:
    model, (latents, captions) = tiny(), clip(10)
    other = latents.clone()
    other[:, :, 1:4] += 1
    for most in (1, 0, -5):
        before, after = (blocks(model, given, captions, kv_max_frames=most) for given in (latents, other))
        assert not torch.allclose(before[0], after[0])
        torch.testing.assert_close(before[1:], after[1:], rtol=0, atol=0)
    before, after = (blocks(model, given, captions, kv_max_frames=2) for given in (latents, other))
    assert not torch.allclose(before[1], after[1], atol=1e-5)


@pytest.mark.parametrize(
    ("history", "block", "pushes"),
    [
        (10, 3, [3] * 9),
        (10, 3, [3] * 6 + [2]),
        (4, 3, [3, 1, 2, 3, 3]),
        (0, 3, [3, 3, 2]),
        (5, 5, [5, 5, 5, 1]),
    ],
)
def test_a_block_sees_the_sink_the_latest_frames_and_itself(
    history: int, block: int, pushes: list[int]
) -> None:
    state, holds = state_of(history, block), {0: 0}  # slot -> latent frame
    for n in pushes:
        place = state.place_block(n)
        new = range(state.frames, state.frames + n)
        holds.update(zip(place.slots.tolist(), new, strict=True))
        slots = torch.arange(state.keys.shape[2])[place.visible].tolist()

        assert sorted(holds[slot] for slot in slots) == [
            0,
            *range(state.frames - state.held, state.frames + n),
        ]
        assert state.held == min(history, state.frames - 1)
        state.frames += n


def test_memory_does_not_grow() -> None:
    model, (latents, captions) = tiny(), clip(31)
    state = start(model, latents[:, :, :1], captions, fps=FPS, kv_max_frames=5)
    before = {name: value for name, value in vars(state).items() if isinstance(value, Tensor)}
    for begin in range(1, 31, 3):
        list(refine_block(model, state, latents[:, :, begin : begin + 3], torch.zeros(1, 4, 3, 2, 3)))
    after = {name: value for name, value in vars(state).items() if isinstance(value, Tensor)}

    assert {name: value.data_ptr() for name, value in after.items()} == {
        name: value.data_ptr() for name, value in before.items()
    }
    assert state.keys.shape == (2, 1, 1 + 4 + 3, 6, 2, 16)


def test_a_short_clip_takes_less_memory_than_the_window() -> None:
    model, (latents, captions) = tiny(), clip(8)
    state = start(model, latents[:, :, :1], captions, fps=FPS, frames=8)
    assert state.keys.shape[2] == 1 + 6 + 3


def test_prompt_and_noise_levels_are_computed_once() -> None:
    model, (latents, captions) = tiny(), clip(10)
    calls: Counter[str] = Counter()
    last: Any = model.transformer_blocks[-1]
    for name, part in {
        "prompt": model.caption_projection,
        "levels": model.time_embed,
        "keys": last.attn1.to_k,
        "last": last.ff,
    }.items():
        part.register_forward_hook(lambda *_, name=name: calls.update([name]))

    blocks(model, latents, captions)

    # three blocks of three steps; the sink and all blocks but the last are remembered, up to the last layer's keys
    assert calls == {"prompt": 1, "levels": 4, "last": 9, "keys": 9 + 3}


def test_noise_is_drawn_once_a_block_in_order() -> None:
    model, (latents, captions) = tiny(), clip(9)
    asked = []

    def draw(shape: tuple[int, ...]) -> Tensor:
        asked.append(shape)
        return torch.zeros(shape)

    done = list(refine_blocks(model, latents, captions, draw, fps=FPS))

    assert asked == [(1, 4, 3, 2, 3), (1, 4, 3, 2, 3), (1, 4, 2, 2, 3)]
    assert [tuple(block.shape) for block in done] == asked
    first, second = (seeded_noise(5, "cpu", torch.float32)((2, 3)) for _ in range(2))
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_a_batch_is_its_clips_one_by_one() -> None:
    model, (latents, captions) = tiny(), clip(8)
    others, words = torch.cat([latents, latents.flip(2)]), torch.cat([captions, captions.flip(1)])
    together = list(refine_blocks(model, others, words, torch.zeros, fps=FPS))
    for number in range(2):
        one = slice(number, number + 1)
        alone = list(refine_blocks(model, others[one], words[one], torch.zeros, fps=FPS))
        for joint, single in zip(together, alone, strict=True):
            torch.testing.assert_close(joint[one], single, rtol=1e-4, atol=1e-5)


def test_bfloat16_stays_near_float32() -> None:
    latents, captions = clip(10)
    torch.manual_seed(1)
    exact = torch.cat(blocks(tiny(), latents, captions), dim=2)
    torch.manual_seed(1)
    rough = torch.cat(blocks(tiny(torch.bfloat16), latents, captions), dim=2)
    assert rough.dtype == torch.bfloat16
    assert (rough.float() - exact).abs().max() < 0.05 * exact.abs().max()


def test_what_does_not_fit_is_refused() -> None:
    model, (latents, captions) = tiny(), clip(4)
    with pytest.raises(InputError, match="there must be more than the sink's 4"):
        blocks(model, latents, captions, sink=4)
    with pytest.raises(InputError, match="both must be at least 1"):
        start(model, latents[:, :, :1], captions, fps=FPS, block=0)
    with pytest.raises(InputError, match="frames must say"):
        start(model, latents[:, :, :1], captions, fps=FPS, kv_max_frames=None)
    with pytest.raises(InputError, match="batch of 2"):
        blocks(model, latents, torch.cat([captions, captions]))
    with pytest.raises(InputError, match="axis C"):
        blocks(model, latents, captions[..., :3])
    state = start(model, latents[:, :, :1], captions, fps=FPS, block=2)
    with pytest.raises(InputError, match="takes 2 at most"):
        list(refine_block(model, state, latents[:, :, 1:], latents[:, :, 1:]))


def published(path: Path, **changes: object) -> Path:
    config: dict[str, object] = {
        "_class_name": "LTX2VideoTransformer3DModel",
        "_diffusers_version": "0.37.0",
        "num_layers": 48,
        "audio_in_channels": 128,
        "rope_type": "split",
        **changes,
    }
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))
    return path


def test_a_published_config_is_read(tmp_path: Path) -> None:
    assert RefinerConfig.from_json(published(tmp_path / "config.json")) == RefinerConfig(rope_type="split")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"rope_type": None}, "rope_type is missing"),
        ({"rope_type": "spilt"}, "rope_type is 'spilt'"),
        ({"_class_name": "LTXVideoTransformer3DModel"}, "not the config of LTX2VideoTransformer3DModel"),
        ({"gated_attn": True}, "gated_attn is True, which this refiner cannot do"),
        ({"cross_attention_dim": 2048}, "cross_attention_dim is 2048"),
        ({"num_layers": "48"}, "num_layers is '48'"),
        ({"num_layers": True}, "num_layers is True"),
        ({"sparse_attention": 1}, "unknown key sparse_attention"),
    ],
)
def test_a_config_of_another_model_is_refused(tmp_path: Path, changes: dict[str, object], fault: str) -> None:
    with pytest.raises(WeightsError, match=fault):
        RefinerConfig.from_json(published(tmp_path / "config.json", **changes))


def test_configs_that_are_not_there_or_not_for_connectors_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"config\.json: not a readable JSON file"):
        RefinerConfig.from_json(tmp_path / "config.json")
    with pytest.raises(WeightsError, match="not the config of LTX2TextConnectors"):
        ConnectorsConfig.from_json(published(tmp_path / "config.json"))
    with pytest.raises(InputError, match="do not make up caption_channels"):
        ConnectorsConfig(heads=2)
    with pytest.raises(InputError, match="head_dim is 15"):
        RefinerConfig(head_dim=15)
