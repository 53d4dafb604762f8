"""The loop learns, stops cleanly, and goes on as if it had never stopped."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import av
import pytest
import torch
from torch import Tensor, nn

from flythrough import parameters
from flythrough.errors import InputError, WeightsError
from flythrough.train import data, parallel
from flythrough.train.data import ClipBatch, ClipConfig, Pool
from flythrough.train.loop import RunConfig, train
from flythrough.train.optimizer import Muon, lr_scale, orthogonalise
from flythrough.train.run import VAERecipe, load_recipe, train_vae
from flythrough.train.vae_stage import VAEStage, VAEStageConfig, error_terms
from flythrough.vae.mini import MiniVAE, MiniVAEConfig


class Regression:
    """Learn a fixed linear map; batch `position` is always the same, and processes share it out among them."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(1)
        self.model = nn.Sequential(nn.Linear(32, 48), nn.SiLU(), nn.Linear(48, 32))
        for parameter in self.model.parameters():
            parameter.data.normal_(0, 0.1, generator=generator)
        self.target = torch.randn(32, 32, generator=generator) / 6
        self.position = 0

    def next_batch(self, share: float) -> Tensor:
        self.position += 1
        whole = torch.randn(64, 32, generator=torch.Generator().manual_seed(self.position))
        return whole.chunk(parallel.count())[parallel.rank()]

    def loss(self, batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        error = self.model(batch) - batch @ self.target
        return error.square().mean(), {}

    def validate(self) -> dict[str, float]:
        return {}

    def sample(self) -> Tensor | None:
        return None


def run_config(folder: Path, steps: int) -> RunConfig:
    return RunConfig(folder=folder, steps=steps, warmup=1, decay_share=0, log_every=1, sample_every=1000)


def test_the_loss_falls(tmp_path: Path) -> None:
    losses = [progress.scalars["loss"] for progress in train(Regression(), run_config(tmp_path, 200))]
    assert len(losses) == 200
    assert losses[-1] < losses[0] / 4


def test_a_resumed_run_equals_one_that_never_stopped(tmp_path: Path) -> None:
    whole = Regression()
    list(train(whole, run_config(tmp_path / "whole", 12)))

    list(train(Regression(), run_config(tmp_path / "parts", 5)))
    resumed = Regression()
    list(train(resumed, run_config(tmp_path / "parts", 12)))

    assert resumed.position == whole.position
    for name, value in whole.model.state_dict().items():  # at the end the model holds its average
        torch.testing.assert_close(resumed.model.state_dict()[name], value, rtol=0, atol=0)
    ends = [torch.load(tmp_path / run / "checkpoint.pt", weights_only=True) for run in ("whole", "parts")]
    for name, value in ends[0]["model"].items():
        torch.testing.assert_close(ends[1]["model"][name], value, rtol=0, atol=0)


def test_two_processes_with_half_the_batch_equal_one_with_the_whole(tmp_path: Path) -> None:
    alone = Regression()
    list(train(alone, run_config(tmp_path / "alone", 6)))

    code = "import sys; from tests.unit.test_train import one_of_two; one_of_two(sys.argv[1])"
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(port),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors

    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    for name, value in alone.model.state_dict().items():
        torch.testing.assert_close(first["model"][name], value, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(second["model"][name], first["model"][name], rtol=0, atol=0)
    assert (first["reports"], second["reports"]) == (6, 0)  # the leader alone reports


def one_of_two(folder: str) -> None:
    parallel.connect(torch.device("cpu"))
    stage = Regression()
    if parallel.rank():
        for parameter in stage.model.parameters():
            parameter.data.zero_()  # the leader's weights must replace these
    reports = len(list(train(stage, run_config(Path(folder) / "pair", 6))))
    content = {"model": stage.model.state_dict(), "reports": reports}
    torch.save(content, Path(folder) / f"{parallel.rank()}.pt")
    parallel.disconnect()


def test_a_run_writes_films_that_play_and_scalars(tmp_path: Path) -> None:
    class Filmed(Regression):
        def sample(self) -> Tensor:
            return torch.randint(255, (9, 32, 64, 3), dtype=torch.uint8)

    list(train(Filmed(), replace(run_config(tmp_path, 4), sample_every=2)))

    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == ["000002.mp4", "000004.mp4"]
    with av.open(str(tmp_path / "samples" / "000004.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == 9
    assert list((tmp_path / "tensorboard").iterdir())


def test_stopping_early_saves_first(tmp_path: Path) -> None:
    progress = train(Regression(), run_config(tmp_path, 100))
    for _ in range(3):
        next(progress)
    progress.close()
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 3


def test_a_foreign_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(WeightsError, match="checkpoint"):
        next(train(Regression(), run_config(tmp_path, 3)))


def test_an_orthogonalised_matrix_has_singular_values_near_one() -> None:
    for shape in ((3, 32, 64), (2, 64, 32)):
        values = torch.linalg.svdvals(orthogonalise(torch.randn(shape)).float())
        assert values.min() > 0.3
        assert values.max() < 1.4


def test_muon_moves_convolutions_too() -> None:
    convolution = nn.Conv2d(32, 32, 3)
    before = convolution.weight.detach().clone()
    convolution(torch.randn(1, 32, 5, 5)).square().mean().backward()
    Muon([convolution.weight], lr=0.1).step()
    assert (convolution.weight - before).abs().mean() > 1e-3


def test_the_rate_warms_up_stays_and_decays_at_the_end() -> None:
    assert lr_scale(0, 10, 0.0, 0.2) == pytest.approx(0.1)
    assert lr_scale(500, 10, 0.5, 0.2) == 1
    assert lr_scale(900, 10, 0.9, 0.2) == pytest.approx(0.5)
    assert lr_scale(999, 10, 1.0, 0.2) == 0


def test_a_missing_recipe_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such recipe"):
        load_recipe(tmp_path / "nothing.py", VAERecipe)


TINY = MiniVAEConfig(
    latent_channels=8,
    encoder_widths=(8, 8, 8, 8),
    encoder_blocks=(1, 1, 1, 1),
    decoder_widths=(8, 8, 8, 8),
    decoder_blocks=(1, 1, 1, 1),
)
CLIPS = ClipConfig(height=32, width=64, frames=9, clips_per_world=2, worlds_per_batch=1, workers=0)
STAGE = VAEStageConfig(
    clips=CLIPS,
    batch=2,
    frames=9,
    pool=4,
    fill=2,
    refresh_every=2,
    validation_worlds=1,
    validation_frames=9,
)


def test_the_autoencoder_trains_from_a_recipe_to_weights(tmp_path: Path) -> None:
    recipe = VAERecipe(vae=TINY, stage=STAGE, steps=20, muon_lr=0.01, adam_lr=1e-3)
    scores = list(train_vae(recipe, tmp_path, torch.device("cpu")))[-1].scalars
    assert 0 < scores["validation_psnr_worst_tenth"] <= scores["validation_psnr"] < 60
    assert -1 <= scores["validation_ssim"] <= 1

    vae = MiniVAE(TINY)
    metadata = parameters.load(vae, tmp_path / "vae.safetensors")
    assert float(metadata["validation_psnr"]) == pytest.approx(scores["validation_psnr"], abs=1e-3)
    assert vae.latents_std.min() > 0


def test_standardised_latents_have_mean_0_and_deviation_1() -> None:
    stage = VAEStage(MiniVAE(TINY), STAGE, torch.device("cpu"))
    video = (torch.rand(4, 9, 32, 64, 3) * 255).to(torch.uint8)
    stage.pool.add(video=video)
    stage.standardise()
    latents = stage.vae.encode(data.to_video(video))
    torch.testing.assert_close(latents.mean((0, 2, 3, 4)), torch.zeros(8), rtol=0, atol=1e-4)
    torch.testing.assert_close(latents.std((0, 2, 3, 4)), torch.ones(8), rtol=0, atol=1e-3)


def test_a_perfect_reconstruction_has_no_error() -> None:
    video = torch.rand(1, 3, 9, 32, 64) * 2 - 1
    assert all(float(term) == 0 for term in error_terms(video, video).values())
    assert all(float(term) > 0 for term in error_terms(video.flip(4), video).values())


def test_processes_take_turns_with_the_worlds(monkeypatch: pytest.MonkeyPatch) -> None:
    class Numbers:
        def __init__(self, config: ClipConfig) -> None:
            pass

        def __getitem__(self, index: int) -> int:
            return index

    monkeypatch.setattr(data, "WorldDataset", Numbers)
    monkeypatch.setattr(data, "render_clips", lambda worlds, config, device: worlds)
    monkeypatch.setattr(parallel, "count", lambda: 2)
    seen = {}
    for rank in range(2):
        monkeypatch.setattr(parallel, "rank", lambda rank=rank: rank)
        source = data.ClipSource(replace(CLIPS, worlds_per_batch=3), torch.device("cpu"), position=10)
        seen[rank] = next(source)
        assert source.position == 16
    assert seen == {0: [10, 12, 14], 1: [11, 13, 15]}


def test_mirroring_twice_changes_nothing_and_once_moves_pixels_and_path() -> None:
    c2w = torch.eye(4, dtype=torch.float64).repeat(1, 2, 1, 1)
    c2w[0, 1, 0, 3] = 1.5  # a step to the right
    batch = ClipBatch(
        torch.arange(2 * 3 * 4 * 3).view(1, 2, 3, 4, 3).to(torch.uint8),
        c2w.clone(),
        torch.tensor([5.0, 5.0, 1.5, 1.5]).repeat(1, 2, 1),
    )
    before = batch.video.clone()
    data.mirror(batch, torch.tensor([True]))
    assert batch.c2w[0, 1, 0, 3] == -1.5
    assert batch.intrinsics[0, 0, 2] == 2.5
    assert torch.equal(batch.video, before.flip(3))
    data.mirror(batch, torch.tensor([True]))
    assert torch.equal(batch.video, before)
    assert torch.equal(batch.c2w, c2w)


def test_a_pool_keeps_the_newest() -> None:
    pool = Pool(3)
    for number in range(5):
        pool.add(item=torch.tensor([number]))
    assert len(pool) == 3
    assert sorted(pool.tensors["item"].tolist()) == [2, 3, 4]


def test_a_window_longer_than_the_clips_is_refused() -> None:
    with pytest.raises(InputError, match="17"):
        replace(STAGE, frames=17)
