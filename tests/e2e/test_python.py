"""The Python interface: what `flythrough generate` does, in a few lines."""

from __future__ import annotations

import numpy as np
import pytest

from flythrough import CameraPath, Pipeline, Shot

FIRST = np.full((256, 448, 3), 120, np.uint8)


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline.load("mini")


def shot(seed: int, keys: str = "w-12") -> Shot:
    return Shot(camera=CameraPath.parse(keys), prompt="hills at dawn", image=FIRST, seed=seed, steps=1)


def test_a_flight_comes_chunk_by_chunk(pipeline: Pipeline) -> None:
    told = []

    films = list(pipeline.generate(shot(0), on_progress=lambda *progress: told.append(progress)))

    assert [film.shape for film in films] == [(1, 256, 448, 3), (8, 256, 448, 3), (4, 256, 448, 3)]
    assert films[0].dtype == np.uint8
    assert told == [("flying", 1, 13), ("flying", 9, 13), ("flying", 13, 13)]


def test_a_flight_flown_by_hand_is_the_same(pipeline: Pipeline) -> None:
    flown = shot(3)
    whole = np.concatenate(list(pipeline.generate(flown)))

    session, path = pipeline.open(flown), flown.camera
    films = [session.push(path.c2w[f : f + 1], path.intrinsics[f : f + 1]) for f in range(path.frames)]

    assert np.array_equal(np.concatenate([*films, session.finish()]), whole)
