"""Where a token lies, as angles: time, row and column for latents, the place in the row for text."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from flythrough.kernels.rope import rotate
from flythrough.refiner.config import RefinerConfig, RopeType

Rotary = tuple[
    Tensor, Tensor
]  # cos and sin, float32, (..., A, D/2): one angle for each pair of a head's channels


def video_rotary(
    config: RefinerConfig, first: int, frames: int, rows: int, columns: int, fps: float, device: torch.device
) -> Rotary:
    """cos and sin (frames, rows columns, A, D/2) of latent frames first, first + 1, ... of a video at fps.

    A token lies in the middle of its cell: in seconds, and in pixels down and across. Everything is float32 in
    the order of the published model, since the highest frequency turns a rounding error of 6e-8 into an angle of 1e-3.
    """
    stride, height, width = config.strides
    number = torch.arange(first, first + frames, dtype=torch.float32, device=device)
    begin, end = (
        (number * stride + offset).clamp(min=0) / fps
        for offset in (config.causal_offset - stride, config.causal_offset)
    )
    row = (torch.arange(rows, dtype=torch.float32, device=device) + 0.5) * height
    column = (torch.arange(columns, dtype=torch.float32, device=device) + 0.5) * width
    grid = torch.meshgrid(
        (begin + end) / 2 / config.base[0], row / config.base[1], column / config.base[2], indexing="ij"
    )
    return _rotary(torch.stack(grid, dim=-1).flatten(1, 2), config.heads, config.head_dim, config.rope_theta)


def text_rotary(
    tokens: int, base: int, heads: int, head_dim: int, theta: float, device: torch.device
) -> Rotary:
    """cos and sin (tokens, A, D/2) of tokens 0, 1, ... in a row that counts to `base`."""
    place = torch.arange(tokens, dtype=torch.float32, device=device) / base
    return _rotary(place[:, None], heads, head_dim, theta)


def turn(x: Tensor, rotary: Rotary, rope_type: RopeType) -> Tensor:
    """x (..., A, D) turned by its place; rotary broadcasts to (..., A, D/2). In float32, back in x's dtype.

    interleaved: channels 2i and 2i + 1 are a pair; split: channels i and i + D/2.
    """
    return rotate(x, *rotary, split=rope_type == "split")


def _rotary(places: Tensor, heads: int, head_dim: int, theta: float) -> Rotary:
    """places (..., P), each axis from 0 to 1. The angles run over all heads: lowest frequency first, axes inside.

    What does not divide by the axes stays unturned, in front. Source: LTX-2, arXiv 2601.03233.
    """
    pairs, axes = heads * head_dim // 2, places.shape[-1]
    steps = torch.linspace(0, 1, pairs // axes, dtype=torch.float64, device=places.device)
    frequencies = (theta**steps * math.pi / 2).float()
    angles = ((2 * places - 1)[..., None, :] * frequencies[:, None]).flatten(
        -2
    )  # (..., pairs // axes * axes)
    angles = torch.nn.functional.pad(angles, (pairs - angles.shape[-1], 0))
    return angles.cos().unflatten(-1, (heads, -1)), angles.sin().unflatten(-1, (heads, -1))
