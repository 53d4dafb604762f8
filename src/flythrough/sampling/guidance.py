"""Classifier-free guidance as a wrapper around velocity."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from flythrough.conditioning import Conditioning
from flythrough.model.transformer import SanaWM


def guided(
    model: SanaWM, cond: Conditioning, negative: Conditioning | None, guidance_scale: float
) -> Callable[..., Tensor]:
    """Away from `negative`, towards `cond`: v = v_neg + scale (v_pos - v_neg), in one batch [negative, positive].

    Returns a velocity of x (B, C, n, H, W), sigma (n,) and, if wanted, chunk bounds 0 .. n, for the first n latent
    frames. Without a negative, or with a scale of 1, the model is asked once. Source: arXiv 2207.12598.
    """
    alone = negative is None or guidance_scale == 1
    told = cond if alone or negative is None else negative.joined(cond)

    def velocity(x: Tensor, sigma: Tensor, bounds: tuple[int, ...] | None = None) -> Tensor:
        now = told.frames(slice(x.shape[2]))
        both = x if alone else torch.cat([x, x])
        v = model(both, (1000 * sigma).expand(len(both), -1), now, bounds=bounds)
        if alone:
            return v
        away, towards = v.chunk(2)
        return away + guidance_scale * (towards - away)

    return velocity
