"""What Triton kernels share that treat every row of channels by itself, and rows of a frame alike."""

from __future__ import annotations

from torch import Tensor


def per_frame(table: Tensor, x: Tensor) -> tuple[Tensor, int]:
    """A table (C,) or (B, T, 1, C) beside x (B, T, S, C) as rows in memory, and how many of x's rows share one."""
    rows = table.numel() // table.shape[-1]
    return table.contiguous(), x.numel() // x.shape[-1] // rows
