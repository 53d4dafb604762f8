"""Reference. Eight channels each become the eight cells of twice the frames, rows and columns."""

from __future__ import annotations

from torch import Tensor


def spread_sum(y: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """spread(y + bias) + spread(x), the latter as often as its channels are fewer.

    y (B, T, H, W, 8C), bias (8C,), x (B, T, H, W, 2C) -> (B, 2T, 2H, 2W, C).
    """
    y, x = spread(y + bias.to(y.dtype)), spread(x)
    return (y.unflatten(-1, (-1, x.shape[-1])) + x.unsqueeze(-2)).flatten(-2)


def spread(x: Tensor) -> Tensor:
    """(B, T, H, W, 8C) -> (B, 2T, 2H, 2W, C); channels are ordered (C, time, row, column)."""
    batch, frames, rows, columns, channels = x.shape
    x = x.unflatten(-1, (channels // 8, 2, 2, 2)).permute(0, 1, 5, 2, 6, 3, 7, 4)
    return x.reshape(batch, 2 * frames, 2 * rows, 2 * columns, channels // 8)
