"""The whole full-size pipeline at toy sizes: two stages, three ways to sample, decoding piece by piece."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from flythrough.camera.path import CameraPath
from flythrough.errors import InputError
from flythrough.pipeline import Pipeline
from flythrough.presets import PRESETS
from flythrough.shot import Shot
from tests.toys import toy

FIRST = np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8)


@pytest.fixture(params=["whole", "staggered", "stream"])
def pipeline(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    monkeypatch.setitem(PRESETS, "toy", toy(request.param))
    return Pipeline.random("toy", device="cpu", dtype=torch.float32)


def shot(frames: int, seed: int = 0) -> Shot:
    path = CameraPath.parse("dolly", frames=frames, height=64, width=96)
    return Shot(camera=path, image=FIRST, seed=seed)


def test_every_pose_gets_a_frame_and_the_seed_decides_which(pipeline: Pipeline) -> None:
    one, same, other = (np.concatenate(list(pipeline.generate(shot(45, seed)))) for seed in (0, 0, 1))
    assert one.shape == (45, 64, 96, 3)
    assert one[1:].std() > 1
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_the_second_stage_changes_all_but_the_sink(pipeline: Pipeline) -> None:
    refined = np.concatenate(list(pipeline.generate(shot(25))))
    pipeline.refiner = None
    plain = np.concatenate(list(pipeline.generate(shot(25))))
    assert (refined != plain).mean() > 0.3


def test_progress_tells_what_is_being_done_and_may_stop_it(pipeline: Pipeline) -> None:
    told: list[str] = []

    def stop(doing: str, done: int, of: int) -> None:
        told.append(doing)
        assert 0 < done <= of
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(pipeline.generate(shot(25), stop))
    assert told == ["flying" if pipeline.preset.sampling.order == "stream" else "denoising"]


def test_progress_ends_at_its_end(pipeline: Pipeline) -> None:
    told: dict[str, tuple[int, int]] = {}
    list(pipeline.generate(shot(41), lambda doing, done, of: told.update({doing: (done, of)})))
    assert told["flying"] == (41, 41)
    assert all(done == of for done, of in told.values())


def test_only_a_stream_can_be_flown_live(pipeline: Pipeline) -> None:
    if pipeline.preset.sampling.order == "stream":
        assert pipeline.open(shot(25)).chunk_frames == 24
    else:
        with pytest.raises(InputError, match="whole clips"):
            pipeline.open(shot(25))
