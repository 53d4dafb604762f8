"""mini driven live: keys, another prompt, a snapshot that another process takes up, a way back and two ways on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from flythrough import CameraPath, Pipeline, Shot
from tests.command import ENVIRONMENT

FIRST = np.random.default_rng(0).integers(0, 255, (256, 448, 3), dtype=np.uint8)

ELSEWHERE = """
import sys
import numpy as np
from flythrough import Pipeline
flight = Pipeline.load("mini").restore(sys.argv[1])
np.save(sys.argv[2], flight.push("dw-11,none-6"))
"""


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline.load("mini")


def shot() -> Shot:
    path = CameraPath.parse("w-1", height=256, width=448, fov_deg=60)
    return Shot(camera=path, prompt="hills at dawn", image=FIRST, seed=5, steps=1)


def test_a_flight_is_driven_told_stopped_taken_up_and_forked(pipeline: Pipeline, tmp_path: Path) -> None:
    flight = pipeline.open(shot(), rewinds=2)
    assert len(flight.push("w-20")) == 17
    flight.say("hills in deep snow", over=3)
    flight.hold("wd", 4)
    assert flight.receipts[-1].prompts == (("hills at dawn", 2 / 3), ("hills in deep snow", 1 / 3))
    np.testing.assert_allclose(flight.path.fov_deg[:, 0], 60)

    sizes = flight.snapshot(tmp_path / "flight.safetensors")
    assert sizes["state"] < 1e6  # what cannot be had from the last frames again
    assert sum(sizes.values()) - sizes["window"] - sizes["vae"] < 10e6
    other = flight.fork()
    film = flight.push("dw-11,none-6")
    assert film.shape == (16, 256, 448, 3)

    words = [sys.executable, "-c", ELSEWHERE, tmp_path / "flight.safetensors", tmp_path / "film.npy"]
    subprocess.run(words, env=ENVIRONMENT, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "film.npy"), film)

    np.testing.assert_array_equal(other.push("dw-11,none-6"), film)
    other.rewind(2)
    assert not np.array_equal(other.push("aw-16"), film)
    assert flight.path.frames == 42
