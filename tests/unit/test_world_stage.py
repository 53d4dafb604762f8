"""The world's stage of training: real worlds, a tiny model, a few steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from flythrough.camera.path import CameraPath
from flythrough.camera.pose import relative_to_first
from flythrough.model.config import ModelConfig
from flythrough.model.transformer import SanaWM
from flythrough.presets import PRESETS
from flythrough.train.data import ClipConfig
from flythrough.train.loop import RunConfig, train
from flythrough.train.world_stage import WorldStage, WorldStageConfig, moved
from flythrough.vae.mini import MiniVAE, MiniVAEConfig

WIDTHS = (8, 8, 8, 8)


class Words:
    """Token states that depend on the prompt; a text encoder without weights."""

    channels, tokens = 6, 4

    def encode(self, prompts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        states = [torch.full((4, 6), float(len(prompt) % 7)) for prompt in prompts]
        return torch.stack(states), torch.tensor([[bool(prompt), True, True, True] for prompt in prompts])


@pytest.fixture
def stage() -> WorldStage:
    torch.manual_seed(0)
    model = SanaWM(
        ModelConfig(
            depth=4,
            heads=1,
            head_dim=32,
            latent_channels=8,
            caption_channels=6,
            mlp_ratio=2.0,
            softmax_scale_main=32**-0.5,
            softmax_scale_camera=32**-0.5,
            chunk=1,
        )
    )
    vae = MiniVAE(MiniVAEConfig(latent_channels=8, encoder_widths=WIDTHS, decoder_widths=WIDTHS))
    config = WorldStageConfig(
        clips=ClipConfig(height=32, width=64, frames=25, clips_per_world=1, worlds_per_batch=1, workers=0),
        encoding=PRESETS["mini"].camera_encoding,
        sigmas=(1.0, 0.5, 0.0),
        lengths=((0.0, 3), (0.5, 4)),
        batch=3,
        fill=2,
        refresh_every=100,
        own_context_from=0.25,
        own_context_share=0.5,
        held_out=1,
    )
    return WorldStage(model, vae.requires_grad_(False), Words(), config, torch.device("cpu"))  # pyrefly: ignore


def test_the_loss_falls_while_clips_grow_and_the_model_looks_back_at_itself(
    stage: WorldStage, tmp_path: Path
) -> None:
    run = RunConfig(folder=tmp_path, steps=40, warmup=1, decay_share=0, log_every=10, sample_every=1000)
    before = stage.validate()
    losses = [progress.scalars["loss"] for progress in train(stage, run)]
    after = stage.validate()
    assert losses[-1] < 0.9 * losses[0]
    assert after["validation_velocity_mse/1.0"] < before["validation_velocity_mse/1.0"]
    assert stage.next_batch(0.9)[0].shape[2] == 4


def test_clips_that_come_again_look_back_at_what_was_made_of_them(stage: WorldStage) -> None:
    seen = []

    def note(past: torch.Tensor, noisy: torch.Tensor, *rest: object) -> torch.Tensor:
        seen.append(past)
        return torch.zeros_like(noisy)

    stage.config = replace(stage.config, context_noise=0.0)
    stage.model.teacher_forcing = note  # pyrefly: ignore
    for _ in range(2):
        batch = stage.next_batch(0.3)
        stage.loss(batch)
    own = max(1, round(0.5 * len(seen[0])))
    torch.testing.assert_close(
        seen[1][:own, :, 0], seen[0][-own:, :, 0], rtol=0, atol=0
    )  # the first frame is given
    assert (seen[1][:own, :, 1:] != seen[0][-own:, :, 1:]).all()
    torch.testing.assert_close(seen[1][own:], batch[0][own:], rtol=0, atol=0)


def test_the_film_of_a_run_shows_truth_above_and_flight_below(stage: WorldStage) -> None:
    film = stage.sample()
    assert film.shape == (25, 2 * 32, 64, 3)
    assert film[:, :32].float().std() > 5


def test_a_moved_world_keeps_every_relative_pose() -> None:
    c2w = CameraPath.parse("w-16,dw-24", height=32, width=64).c2w[::8]
    camera = torch.cat([c2w.flatten(1), torch.ones(len(c2w), 4)], -1).float().expand(3, -1, -1)

    there = moved(camera, torch.tensor([True, False, True]), 5.0)

    pose = there[..., :16].unflatten(-1, (4, 4)).double()
    torch.testing.assert_close(relative_to_first(pose)[2], c2w, rtol=0, atol=1e-5)
    assert (there[0] - camera[0]).abs().max() > 0.5
    torch.testing.assert_close(there[1], camera[1], rtol=0, atol=0)
