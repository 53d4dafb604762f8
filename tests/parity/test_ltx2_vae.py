"""The full-size autoencoder against diffusers' on the same random weights, and against golden vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl_ltx2 import AutoencoderKLLTX2Video
from torch import Tensor

from flythrough.vae.ltx2 import LTX2VAE
from flythrough.vae.ltx2_config import LTX2VAEConfig
from flythrough.vae.ltx2_tiles import Tiles
from flythrough.verify import error

NAME = {"_class_name": "AutoencoderKLLTX2Video"}
STRIDES = {"spatial_compression_ratio": 32, "temporal_compression_ratio": 8}
TINY: dict[str, Any] = {  # no two neighbours alike, so that an order turned round shows
    "latent_channels": 8,
    "block_out_channels": (16, 16, 32, 64),
    "layers_per_block": (1, 2, 1, 3, 2),
    "downsample_type": ("spatiotemporal", "spatial", "temporal", "spatiotemporal"),
    "decoder_block_out_channels": (8, 16, 32),
    "decoder_layers_per_block": (2, 1, 3, 1),
}


def pair(causal: bool, **changes: Any) -> tuple[AutoencoderKLLTX2Video, LTX2VAE]:
    """diffusers' model with random weights and statistics, and ours with the same."""
    settings = TINY | STRIDES | {"decoder_causal": causal} | changes
    theirs = AutoencoderKLLTX2Video(**settings).eval().requires_grad_(False)
    theirs.latents_mean.normal_()
    theirs.latents_std.uniform_(0.5, 2)
    ours = LTX2VAE(LTX2VAEConfig(**TINY, decoder_causal=causal)).requires_grad_(False)
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def their_encode(theirs: AutoencoderKLLTX2Video, video: Tensor) -> Tensor:
    (posterior,) = theirs.encode(video, return_dict=False)
    return (posterior.mode() - theirs.latents_mean.view(1, -1, 1, 1, 1)) / theirs.latents_std.view(
        1, -1, 1, 1, 1
    )


def their_decode(theirs: AutoencoderKLLTX2Video, latents: Tensor) -> Tensor:
    mean, std = (stat.view(1, -1, 1, 1, 1) for stat in (theirs.latents_mean, theirs.latents_std))
    return theirs.decode(latents * std + mean, return_dict=False)[0]


def test_the_official_size_has_the_checkpoint_s_names_and_shapes() -> None:
    with torch.device("meta"):
        ours, theirs = LTX2VAE(), AutoencoderKLLTX2Video()

    def shapes(tensors: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
        return {name: tuple(tensor.shape) for name, tensor in tensors.items()}

    assert shapes(ours.state_dict()) == shapes(theirs.state_dict())
    sizes = [sum(p.numel() for p in part.parameters()) for part in (ours, ours.encoder, ours.decoder)]
    assert sizes == [1_222_479_601, 694_098_881, 528_380_720]


@pytest.mark.parametrize("causal", [False, True])
def test_untiled_results_match_the_peer(causal: bool) -> None:
    theirs, ours = pair(causal)
    video, latents = torch.randn(2, 3, 17, 64, 96), torch.randn(2, 8, 5, 2, 3)

    assert error(ours.encode(video), their_encode(theirs, video)) < 1e-5
    assert error(ours.decode(latents), their_decode(theirs, latents)) < 1e-5


def test_bfloat16_results_match_the_peer() -> None:
    theirs, ours = pair(causal=True)
    video, latents = torch.randn(1, 3, 9, 64, 64), torch.randn(1, 8, 3, 2, 2)
    expected = their_encode(theirs, video), their_decode(theirs, latents)
    theirs.bfloat16(), ours.bfloat16()

    got = ours.encode(video), ours.decode(latents.bfloat16())
    peer = their_encode(theirs, video.bfloat16()), their_decode(theirs, latents.bfloat16())

    for mine, their, exact in zip(got, peer, expected, strict=True):
        assert mine.dtype == torch.bfloat16
        assert spread(mine, exact) < 2e-2
        assert spread(mine, exact) < 1.2 * spread(their, exact)  # no worse than the peer's rounding


@pytest.mark.parametrize(
    ("causal", "shape", "tiles"),
    [
        (False, (7, 2, 6), Tiles(side=96, side_step=64, frames=24, frames_step=16)),  # the last are short
        (True, (7, 2, 6), Tiles(side=96, side_step=64, frames=24, frames_step=16)),
        (
            False,
            (5, 4, 4),
            Tiles(side=96, side_step=64, frames=16, frames_step=8),
        ),  # one latent frame in the last
        (
            False,
            (4, 2, 3),
            Tiles(side=96, side_step=64, frames=16, frames_step=16),
        ),  # time alone; tiles touch
        (False, (2, 4, 4), Tiles(side=96, side_step=64, frames=16, frames_step=8)),  # space alone
    ],
)
def test_tiled_decoding_matches_the_peer(causal: bool, shape: tuple[int, ...], tiles: Tiles) -> None:
    theirs, ours = pair(causal)
    tile(theirs, tiles)
    latents = torch.randn(1, 8, *shape)

    video = ours.decode_tiled(latents, tiles)

    assert error(video, their_decode(theirs, latents)) < 1e-5
    assert error(video, ours.decode(latents)) > 1e-2  # tiling shows, or this proves nothing


@pytest.mark.parametrize("frames", [1, 9])
def test_tiled_encoding_matches_the_peer(frames: int) -> None:
    theirs, ours = pair(causal=False)
    tiles = Tiles(side=96, side_step=64)
    tile(theirs, tiles)
    video = torch.randn(1, 3, frames, 160, 224)

    latents = ours.encode_tiled(video, tiles)

    assert error(latents, their_encode(theirs, video)) < 1e-5
    assert error(latents, ours.encode(video)) > 1e-2


def test_the_peer_s_own_config_is_read(tmp_path: Path) -> None:
    theirs, _ = pair(causal=False)
    theirs.save_config(tmp_path)

    assert LTX2VAEConfig.from_json(tmp_path / "config.json") == LTX2VAEConfig(**TINY, decoder_causal=False)


def tile(theirs: AutoencoderKLLTX2Video, tiles: Tiles) -> None:
    theirs.enable_tiling(
        tiles.side, tiles.side, tiles.frames, tiles.side_step, tiles.side_step, tiles.frames_step
    )
    theirs.use_framewise_decoding = True


def spread(ours: Tensor, expected: Tensor) -> float:
    """Root mean square of the difference over that of the expected: the largest alone is luck in bfloat16."""
    return float((ours.double() - expected.double()).norm() / expected.double().norm())
