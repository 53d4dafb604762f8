"""Random weights: the same ones for a seed, of a size that keeps numbers sane, and no branch left out."""

from __future__ import annotations

from dataclasses import replace

import torch

from flythrough.bench.stage1 import inputs
from flythrough.model.transformer import SanaWM
from flythrough.presets import PRESETS
from flythrough.randomness import random_module

SMALL = replace(PRESETS["sana-wm"].model, depth=4, heads=2)


def model(seed: int) -> SanaWM:
    return random_module(lambda: SanaWM(SMALL), torch.device("cpu"), torch.float32, seed)


def test_a_seed_gives_the_same_weights_and_another_one_others() -> None:
    once, again, other = (dict(model(seed).named_parameters()) for seed in (0, 0, 1))
    assert all(torch.equal(once[name], again[name]) for name in once)
    assert not any(torch.equal(once[name], other[name]) for name in once)


def test_nothing_is_left_without_memory_and_no_branch_is_zero() -> None:
    for name, tensor in model(0).named_parameters():
        assert not tensor.is_meta, name
        assert tensor.std() > 0, name


def test_the_velocity_of_a_random_model_is_finite_and_of_the_size_of_noise() -> None:
    latents, timestep, cond = inputs(2, torch.device("cpu"))
    cond = replace(cond, text=cond.text.float())
    with torch.no_grad():
        velocity = model(0)(latents, timestep, cond)
    assert velocity.isfinite().all()
    assert 0.1 < velocity.std() < 10
