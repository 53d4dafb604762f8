"""Rectified flow, for sampling and training: x_sigma = (1 - sigma) x0 + sigma noise, velocity = noise - x0."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor

Number = TypeVar("Number", float, Tensor)


def add_noise(x0: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
    """x0 and noise of one shape; sigma broadcasts to it. Source: rectified flow, arXiv 2209.03003."""
    return torch.lerp(x0, noise, sigma.to(x0.dtype).expand_as(x0))


def velocity(x0: Tensor, noise: Tensor) -> Tensor:
    """What the model learns to predict: the direction from clean to noise."""
    return noise - x0


def clean(x: Tensor, velocity: Tensor, sigma: Tensor) -> Tensor:
    """The clean latents that a velocity at noise level sigma points to."""
    return x - sigma * velocity


def shift(sigma: Number, by: float) -> Number:
    """Move noise levels towards 1, where large grids find their layout. 0 and 1 stay. Source: SD3, arXiv 2403.03206."""
    return by * sigma / (1 + (by - 1) * sigma)
