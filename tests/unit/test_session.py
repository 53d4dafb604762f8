"""A session makes the same frames however its path is pushed, and never needs more than a chunk of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from flythrough.camera.path import CameraPath
from flythrough.errors import InputError
from flythrough.model.config import ModelConfig
from flythrough.model.transformer import SanaWM
from flythrough.presets import PRESETS
from flythrough.session import Opening, Session
from flythrough.text.base import Words
from flythrough.vae.mini import MiniVAE, MiniVAEConfig

VAE = MiniVAEConfig(
    latent_channels=8, encoder_widths=(8, 8, 8, 8), decoder_widths=(8, 8, 8, 8), decoder_blocks=(1, 1, 1, 1)
)
MODEL = ModelConfig(
    depth=4,
    heads=1,
    head_dim=16,
    latent_channels=8,
    caption_channels=6,
    mlp_ratio=2.0,
    softmax_scale_main=0.25,
    softmax_scale_camera=0.25,
    chunk=1,
    window=2,
    sink=True,
)


def session(chunk: int = 1, plus_one: bool = False, seed: int = 0) -> Session:
    torch.manual_seed(3)
    model = SanaWM(replace(MODEL, chunk=chunk))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    opening = Opening(
        latent=torch.randn(1, 8, 1, 2, 3),
        words=Words(text=torch.randn(1, 4, 6), text_mask=torch.ones(1, 4, dtype=torch.bool)),
    )
    return Session(
        model.requires_grad_(False),
        MiniVAE(VAE).requires_grad_(False),
        opening,
        encoding=PRESETS["mini"].camera_encoding,
        sigmas=(1.0, 0.5, 0.0),
        first_plus_one=plus_one,
        seed=seed,
    )


def path(frames: int) -> CameraPath:
    return CameraPath.parse("w-20,dw-40,iw-40", height=64, width=96).take(slice(frames))


def flown(flight: Session, way: CameraPath, cuts: list[int]) -> np.ndarray:
    parts = [flight.push(c, k) for c, k in zip(way.c2w.split(cuts), way.intrinsics.split(cuts), strict=True)]
    return np.concatenate([*parts, flight.finish()])


@pytest.mark.parametrize(("chunk", "plus_one"), [(1, False), (2, True), (3, True)])
def test_the_frames_do_not_depend_on_how_the_path_is_pushed(chunk: int, plus_one: bool) -> None:
    way = path(51)
    whole = flown(session(chunk, plus_one), way, [51])
    assert whole.shape == (51, 64, 96, 3)
    assert whole.std() > 1
    for cuts in ([1] * 51, [8] * 6 + [3], [30, 1, 20]):
        np.testing.assert_array_equal(flown(session(chunk, plus_one), way, cuts), whole)


def test_a_longer_path_begins_like_a_shorter_one() -> None:
    short, long = flown(session(), path(33), [33]), flown(session(), path(65), [65])
    np.testing.assert_array_equal(short, long[:33])


def test_seeds_differ_and_repeat() -> None:
    one, again, other = (flown(session(seed=seed), path(25), [25]) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).mean() > 0.05


@pytest.mark.parametrize("frames", [1, 2, 7, 8, 9, 10])
def test_any_number_of_frames_comes_out(frames: int) -> None:
    assert len(flown(session(), path(frames), [frames])) == frames


def test_poses_seen_are_forgotten() -> None:
    flight, way = session(), path(80)
    flown(flight, way, [80])
    assert len(flight._now.track.rows) <= 2 * flight.chunk_frames


def test_finishing_a_flight_that_never_began_says_so() -> None:
    with pytest.raises(InputError, match="no poses yet"):
        session().finish()
