"""Frames and latent frames."""

from __future__ import annotations

import pytest

from flythrough import grid
from flythrough.errors import InputError


@pytest.mark.parametrize("latent_frames", [1, 2, 21, 121])
def test_frames_and_latent_frames_invert(latent_frames: int) -> None:
    assert grid.latent_frames(grid.frames(latent_frames)) == latent_frames


@pytest.mark.parametrize("frames", [0, -7, 2, 8, 10, 960])
def test_a_number_between_is_refused_with_the_nearest(frames: int) -> None:
    with pytest.raises(InputError, match=f"frames is {frames}.* nearest is {grid.nearest_frames(frames)}"):
        grid.latent_frames(frames)


def test_the_nearest_is_valid_and_near() -> None:
    for frames in range(1, 100):
        nearest = grid.nearest_frames(frames)
        grid.check_frames(nearest)
        assert abs(nearest - frames) <= 4


def test_latent_frames_cover_any_number_of_frames() -> None:
    assert [grid.latent_frames_covering(frames) for frames in (1, 2, 9, 10, 17, 961)] == [1, 2, 2, 3, 3, 121]
