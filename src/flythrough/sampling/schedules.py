"""Sigma schedules: which noise levels a sampler visits, from 1 to 0."""

from __future__ import annotations

import torch
from torch import Tensor

from flythrough.errors import InputError
from flythrough.flow import shift


def flow_match_sigmas(steps: int, by: float) -> Tensor:
    """(steps + 1,) float32, the final 0 included.

    The shift is applied twice over: once to the lowest level of a grid of 1000, and again to the evenly spaced levels
    above it. Source: diffusers' FlowMatchEulerDiscreteScheduler, which the release samples with.
    """
    if steps < 1:
        raise InputError(f"steps is {steps}; it must be at least 1")
    lowest = shift(1e-3, by)
    levels = torch.linspace(1, lowest, steps, dtype=torch.float64)
    return torch.cat([shift(levels, by), levels.new_zeros(1)]).float()


def few_step_sigmas(steps: int, by: float) -> tuple[float, ...]:
    """Evenly spaced times, shifted once, and the final 0: the form in which few-step models are distilled."""
    if steps < 1:
        raise InputError(f"steps is {steps}; it must be at least 1")
    return tuple(shift(1 - step / steps, by) for step in range(steps + 1))
