"""The loop learns, stops cleanly, and goes on as if it had never stopped."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from flythrough.errors import InputError, WeightsError
from flythrough.train.loop import RunConfig, train
from flythrough.train.optimizer import Muon, lr_scale, orthogonalise
from flythrough.train.run import VAERecipe, load_recipe


class Regression:
    """Learn a fixed linear map; batch `position` is always the same."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(1)
        self.model = nn.Sequential(nn.Linear(32, 48), nn.SiLU(), nn.Linear(48, 32))
        for parameter in self.model.parameters():
            parameter.data.normal_(0, 0.1, generator=generator)
        self.target = torch.randn(32, 32, generator=generator) / 6
        self.position = 0

    def next_batch(self, share: float) -> Tensor:
        self.position += 1
        return torch.randn(64, 32, generator=torch.Generator().manual_seed(self.position))

    def loss(self, batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        error = self.model(batch) - batch @ self.target
        return error.square().mean(), {}

    def validate(self) -> dict[str, float]:
        return {}

    def sample(self) -> None:
        return None


def run_config(folder: Path, steps: int) -> RunConfig:
    return RunConfig(folder=folder, steps=steps, warmup=1, decay_share=0, log_every=1, sample_every=1000)


def test_the_loss_falls(tmp_path: Path) -> None:
    losses = [progress.scalars["loss"] for progress in train(Regression(), run_config(tmp_path, 60))]
    assert len(losses) == 60
    assert losses[-1] < losses[0] / 4


def test_a_resumed_run_equals_one_that_never_stopped(tmp_path: Path) -> None:
    whole = Regression()
    list(train(whole, run_config(tmp_path / "whole", 12)))

    list(train(Regression(), run_config(tmp_path / "parts", 5)))
    resumed = Regression()
    list(train(resumed, run_config(tmp_path / "parts", 12)))

    for name, value in whole.model.state_dict().items():
        torch.testing.assert_close(resumed.model.state_dict()[name], value, rtol=0, atol=0)


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
