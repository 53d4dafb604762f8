"""The refiner against golden vectors, diffusers' classes on random weights, and the rule written out plainly."""

from __future__ import annotations

from importlib import import_module
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from flythrough.refiner.config import RefinerConfig
from flythrough.refiner.refine import SIGMAS, refine_blocks, refine_whole
from flythrough.refiner.rope import video_rotary
from flythrough.refiner.transformer import LTX2Refiner, unused
from flythrough.verify import error

TINY = {
    "num_attention_heads": 2,
    "attention_head_dim": 16,
    "cross_attention_dim": 32,
    "num_layers": 3,
    "caption_channels": 24,
    "in_channels": 8,
    "out_channels": 8,
    "audio_num_attention_heads": 2,
    "audio_attention_head_dim": 8,
    "audio_cross_attention_dim": 16,
    "audio_in_channels": 8,
    "audio_out_channels": 8,
}
ROPES = pytest.mark.parametrize("rope_type", ["interleaved", "split"])


def config_of(given: dict[str, Any]) -> RefinerConfig:
    return RefinerConfig(
        layers=given["num_layers"],
        heads=given["num_attention_heads"],
        head_dim=given["attention_head_dim"],
        latent_channels=given["in_channels"],
        caption_channels=given["caption_channels"],
        rope_type=given["rope_type"],
    )


def model_of(given: dict[str, Any], weights: dict[str, Tensor]) -> LTX2Refiner:
    model = LTX2Refiner(config_of(given))
    model.load_state_dict({key: value for key, value in weights.items() if not unused(key)}, strict=True)
    return model.eval().requires_grad_(False)


def diffusers() -> Any:
    """Imported when a test asks for it: it takes seconds."""
    return import_module("diffusers")


def randomised(module: Any) -> Any:
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.25 if parameter.ndim > 1 else 0.5)
    return module.eval().requires_grad_(False)


@ROPES
@pytest.mark.parametrize(
    ("frames", "block", "kv_max_frames", "sink"),
    [(19, 3, 11, 1), (15, 3, 6, 2), (18, 3, 7, 1), (12, 4, 99, 1)],
)
def test_the_block_loop_matches_diffusers(
    rope_type: str, frames: int, block: int, kv_max_frames: int, sink: int
) -> None:
    given = {**TINY, "rope_type": rope_type}
    peer = randomised(diffusers().SanaWMLTX2RefinerTransformer3DModel(**given))
    latents, captions = torch.randn(2, 8, frames, 2, 3), torch.randn(2, 7, 24)

    base: Any = diffusers().SanaWMLTX2Refiner

    class Pipeline(base):
        def __init__(self) -> None:
            self.transformer, self.vae, self._progress_bar_config = peer, None, {"disable": True}
            self.scheduler = diffusers().FlowMatchEulerDiscreteScheduler(shift=1.0)
            self._internal_dict: dict[str, Any] = {}

        _execution_device = property(lambda self: torch.device("cpu"))

        def _encode_prompt(self, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
            return captions, torch.ones(2, 7)

        def maybe_free_model_hooks(self) -> None:
            pass

    expected = Pipeline()(
        latents,
        "",
        fps=16.0,
        sink_size=sink,
        generator=torch.Generator().manual_seed(7),
        block_size=block,
        kv_max_frames=kv_max_frames,
        output_type="latent",
    )
    generator = torch.Generator().manual_seed(7)
    blocks = refine_blocks(
        model_of(given, peer.state_dict()),
        latents,
        captions,
        lambda shape: torch.randn(shape, generator=generator),
        fps=16.0,
        sink=sink,
        block=block,
        kv_max_frames=kv_max_frames,
    )

    assert error(torch.cat([latents[:, :, :sink], *blocks], dim=2), expected) < 2e-5


@ROPES
def test_one_long_block_matches_a_plain_reference(rope_type: str) -> None:
    """Sink queries see the sink alone, all others everything: written with LTX-2's own video path and a mask."""
    given = {**TINY, "rope_type": rope_type}
    peer = randomised(diffusers().LTX2VideoTransformer3DModel(**given))
    B, C, T, H, W, sink = 2, 8, 6, 2, 3, 2
    latents, noise, captions = (
        torch.randn(B, C, T, H, W),
        torch.randn(B, C, T - sink, H, W),
        torch.randn(B, 7, 24),
    )
    held = torch.arange(T).repeat_interleave(H * W) < sink
    mask = (~held[:, None] | held).float().expand(B, -1, -1)

    def velocity(x: Tensor, sigma: float) -> Tensor:
        out, _ = peer(
            hidden_states=x.permute(0, 2, 3, 4, 1).flatten(1, 3),
            audio_hidden_states=torch.zeros(B, 1, 8),
            encoder_hidden_states=captions,
            audio_encoder_hidden_states=captions,
            timestep=torch.where(held, 0.0, 1000 * sigma).expand(B, -1),
            audio_timestep=torch.zeros(B),
            num_frames=T,
            height=H,
            width=W,
            fps=16.0,
            audio_num_frames=1,
            isolate_modalities=True,
            video_self_attention_mask=mask,
            return_dict=False,
        )
        return out.unflatten(1, (T, H, W)).permute(0, 4, 1, 2, 3)

    x = latents.clone()
    x[:, :, sink:] = (1 - SIGMAS[0]) * latents[:, :, sink:] + SIGMAS[0] * noise
    for now, after in pairwise(SIGMAS):
        x[:, :, sink:] += (after - now) * velocity(x, now)[:, :, sink:]

    (whole,) = refine_whole(
        model_of(given, peer.state_dict()), latents, captions, lambda shape: noise, fps=16.0, sink=sink
    )
    assert error(whole, x[:, :, sink:]) < 2e-5


@ROPES
def test_positions_match_diffusers(rope_type: str) -> None:
    given = {**TINY, "num_layers": 1, "rope_type": rope_type}
    peer = diffusers().SanaWMLTX2RefinerTransformer3DModel(**given)
    cos, sin = peer.build_rotary_emb_for_absolute_positions(1, [0, 1, 2, 3], 3, 5, torch.device("cpu"), 16.0)
    if rope_type == "split":  # (1, A, N, D/2) there
        expected = [part[0].transpose(0, 1) for part in (cos, sin)]
    else:  # (1, N, A D), each angle twice
        expected = [part[0, :, ::2].unflatten(-1, (2, -1)) for part in (cos, sin)]

    ours = video_rotary(config_of(given), 0, 4, 3, 5, 16.0, torch.device("cpu"))

    for mine, theirs in zip(ours, expected, strict=True):
        torch.testing.assert_close(mine.flatten(0, 1), theirs, rtol=0, atol=0)


def test_the_names_are_those_of_diffusers_video_path() -> None:
    with torch.device("meta"):
        peer = diffusers().LTX2VideoTransformer3DModel(num_layers=2).state_dict()
        ours = LTX2Refiner(RefinerConfig(layers=2)).state_dict()

    assert {key: value.shape for key, value in peer.items() if not unused(key)} == {
        key: value.shape for key, value in ours.items()
    }
    left_out = [key for key in peer if unused(key)]
    assert all("audio" in key or "a2v" in key or "av_cross" in key for key in left_out)


def test_a_config_saved_by_diffusers_is_understood(tmp_path: Any) -> None:
    with torch.device("meta"):
        diffusers().LTX2VideoTransformer3DModel(**{**TINY, "rope_type": "split"}).save_config(tmp_path)

    assert RefinerConfig.from_json(tmp_path / "config.json") == config_of({**TINY, "rope_type": "split"})
