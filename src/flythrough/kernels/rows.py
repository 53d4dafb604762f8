"""What Triton kernels share that treat every row of channels by itself, and the rows of a frame alike."""

from __future__ import annotations

from torch import Tensor


def per_frame(table: Tensor, x: Tensor) -> tuple[Tensor, int, int]:
    """A table (C,) or (B, T, 1, C) beside x (B, T, S, C), in memory as kernels read it.

    Row r of x, of B T S in all, goes with the channels from r // share * stride on. Returns (table, stride, share).
    """
    if table.ndim == 1:
        return table.contiguous(), 0, x.numel() // x.shape[-1]
    B, T = table.shape[:2]
    assert table.shape == (*x.shape[:2], 1, x.shape[-1])
    if table.stride(-1) != 1 or (B > 1 and table.stride(0) != T * table.stride(1)):
        table = table.contiguous()
    return table, table.stride(1), x.shape[2]
