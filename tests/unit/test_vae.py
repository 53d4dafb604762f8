"""The autoencoder is causal, streams exactly, and refuses what it cannot encode."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from flythrough.errors import InputError
from flythrough.vae.mini import Block, MiniVAE, MiniVAEConfig

SMALL = MiniVAEConfig(
    latent_channels=8,
    encoder_widths=(8, 8, 12, 16),
    encoder_blocks=(1, 1, 1, 1),
    decoder_widths=(8, 12, 16, 16),
    decoder_blocks=(1, 2, 1, 1),
)


@pytest.fixture
def vae() -> MiniVAE:
    torch.manual_seed(0)
    vae = MiniVAE(SMALL).eval().requires_grad_(False)
    for module in vae.modules():
        if isinstance(module, Block):  # zero at birth: a fresh block would hide every fault
            nn.init.normal_(module.conv2.weight, std=0.1)
    vae.latents_mean.normal_()
    vae.latents_std.uniform_(0.5, 2)
    return vae


def test_one_frame_is_one_latent_and_eight_more_are_one_more(vae: MiniVAE) -> None:
    for frames, latent_frames in ((1, 1), (9, 2), (25, 4)):
        latents = vae.encode(torch.randn(2, 3, frames, 64, 96))
        assert latents.shape == (2, 8, latent_frames, 2, 3)
        assert vae.decode(latents).shape == (2, 3, frames, 64, 96)


def test_a_latent_frame_does_not_see_the_future(vae: MiniVAE) -> None:
    video = torch.randn(1, 3, 17, 32, 64)
    whole = vae.encode(video)
    for frames, latent_frames in ((1, 1), (9, 2)):
        torch.testing.assert_close(
            vae.encode(video[:, :, :frames]), whole[:, :, :latent_frames], rtol=0, atol=1e-5
        )


@pytest.mark.parametrize("cuts", [(1, 1, 1, 1, 1), (2, 3), (1, 4), (4, 1)])
def test_a_decoded_stream_equals_one_pass(vae: MiniVAE, cuts: tuple[int, ...]) -> None:
    latents = torch.randn(2, 8, 5, 2, 2)
    state, pieces = None, []
    for piece in latents.split(cuts, dim=2):
        frames, state = vae.decode_chunk(piece, state)
        pieces.append(frames)
    torch.testing.assert_close(torch.cat(pieces, dim=2), vae.decode(latents), rtol=0, atol=1e-5)


def test_the_state_does_not_grow(vae: MiniVAE) -> None:
    _, first = vae.decode_chunk(torch.randn(1, 8, 1, 2, 2), None)
    _, second = vae.decode_chunk(torch.randn(1, 8, 3, 2, 2), first)
    assert {name: frame.shape for name, frame in first.items()} == {
        name: frame.shape for name, frame in second.items()
    }


@pytest.mark.parametrize(
    ("shape", "words"),
    [((1, 3, 8, 64, 64), "8 frames"), ((1, 3, 9, 60, 64), "multiples of 32"), ((1, 4, 9, 64, 64), "C")],
)
def test_what_does_not_fit_is_refused(vae: MiniVAE, shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        vae.encode(torch.zeros(shape))
