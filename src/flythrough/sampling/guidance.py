"""Classifier-free guidance as a wrapper around velocity."""

from __future__ import annotations

import torch
from torch import Tensor

from flythrough.conditioning import Conditioning
from flythrough.model.transformer import SanaWM
from flythrough.sampling.euler import Velocity


def guided(
    model: SanaWM, cond: Conditioning, negative: Conditioning | None, guidance_scale: float
) -> Velocity:
    """Away from `negative`, towards `cond`: v = v_neg + scale (v_pos - v_neg), in one batch [negative, positive].

    Without a negative, or with a scale of 1, the model is asked once. Source: arXiv 2207.12598.
    """
    if negative is None or guidance_scale == 1:
        return lambda x, sigma: model(x, _timesteps(sigma, len(x)), cond)
    both = negative.joined(cond)

    def velocity(x: Tensor, sigma: Tensor) -> Tensor:
        v = model(torch.cat([x, x]), _timesteps(sigma, 2 * len(x)), both)
        away, towards = v.chunk(2)
        return away + guidance_scale * (towards - away)

    return velocity


def _timesteps(sigma: Tensor, batch: int) -> Tensor:
    return (1000 * sigma).expand(batch, -1)
