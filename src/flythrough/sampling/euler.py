"""Euler steps along the model's velocity."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor

Velocity = Callable[[Tensor, Tensor], Tensor]  # x (B, C, T, H, W), sigma (T,) -> velocity like x


@torch.no_grad()
def sample_euler(velocity: Velocity, x: Tensor, sigmas: Tensor, held: Tensor) -> Iterator[Tensor]:
    """Follow dx/dsigma = velocity, from noise to clean latents.

    x       (B, C, T, H, W) float32: noise, except in held frames, which are clean already
    sigmas  (steps + 1,) falling from 1 to 0
    held    (T,) bool: these latent frames stay at sigma 0 and come back as they went in
    Yields the current guess of the clean latents at each step; the last one is the result.
    Source: rectified flow, arXiv 2209.03003; the held first frame, SANA-WM, arXiv 2605.15178.
    """
    levels = torch.where(held, 0.0, sigmas.to(x)[:, None])  # (steps + 1, T)
    for now, after in pairwise(levels):
        v = velocity(x, now)
        yield x - now[:, None, None] * v
        x = x + (after - now)[:, None, None] * v
