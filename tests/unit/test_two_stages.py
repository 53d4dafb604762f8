"""The whole full-size pipeline at toy sizes: two stages, three ways to sample, decoding piece by piece."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from flythrough.camera.path import CameraPath
from flythrough.conditioning import CameraEncoding
from flythrough.errors import InputError
from flythrough.model.config import ModelConfig
from flythrough.pipeline import Pipeline
from flythrough.presets import PRESETS, Preset, Refining, Sampling
from flythrough.refiner.config import RefinerConfig
from flythrough.shot import Shot
from flythrough.vae.ltx2_config import LTX2VAEConfig

FIRST = np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8)
REFINER = RefinerConfig(layers=2, heads=2, head_dim=16, latent_channels=8, caption_channels=24)


def toy(order: str) -> Preset:
    stream = order == "stream"
    return Preset(
        model=ModelConfig(
            depth=4,
            heads=2,
            head_dim=16,
            latent_channels=8,
            caption_channels=12,
            mlp_ratio=2.0,
            softmax_scale_main=0.25,
            softmax_scale_camera=0.25,
            window=2 if stream else None,
            sink=stream,
        ),
        camera_encoding=CameraEncoding(),
        height=64,
        width=96,
        fps=16.0,
        sampling=Sampling(
            order=order,  # pyrefly: ignore
            steps=2,
            shift=8.0,
            guidance_scale=1.0 if stream else 5.0,
            first_plus_one=stream,
        ),
        vae=LTX2VAEConfig(
            latent_channels=8,
            block_out_channels=(8, 16, 32, 64),
            layers_per_block=(1, 1, 1, 1, 1),
            decoder_block_out_channels=(8, 16, 32),
            decoder_layers_per_block=(1, 1, 1, 1),
            decoder_causal=stream,
        ),
        refining=Refining(model=REFINER, block=3 if stream else None),
    )


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
