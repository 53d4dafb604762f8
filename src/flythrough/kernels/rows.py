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


def row_stride(x: Tensor) -> tuple[Tensor, int]:
    """x (..., C) and how far apart its rows lie, evenly, as in a slice of wider channels; else those of a copy."""
    stride = x.stride(-2)
    even, expected = x.stride(-1) == 1, stride * x.shape[-2]
    for axis in range(x.ndim - 3, -1, -1):
        even = even and (x.shape[axis] == 1 or x.stride(axis) == expected)
        expected *= x.shape[axis]
    return (x, stride) if even else (x.contiguous(), x.shape[-1])
