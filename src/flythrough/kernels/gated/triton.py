"""`gated` as a Triton kernel; reference.py defines it. Inference only; everything between is float32.

A program handles a block of rows, each one head of one token.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from flythrough.kernels.gated.reference import EPS

ELEMENTS = 4096  # of a program


def gated(
    main: Tensor, other: Tensor, gate: Tensor, norm: Tensor | None = None, *, dtype: torch.dtype
) -> Tensor:
    """As reference.gated."""
    _, _, S, A, D = main.shape
    main, strides = _even(main)
    over, over_strides = (main, (0, 0, 0)) if norm is None else _even(norm)
    other, gate = other.contiguous(), gate.contiguous()
    out = torch.empty_like(other, dtype=dtype)
    block = triton.next_power_of_2(D)
    height, rows = max(1, ELEMENTS // block), other.numel() // D
    _kernel[(triton.cdiv(rows, height),)](
        main, *strides, over, *over_strides, other, gate, out, rows, S, EPS,
        A=A, D=D, BLOCK=block, ROWS=height, NORMED=norm is not None, num_warps=4,
    )  # fmt: skip
    return out


def _even(x: Tensor) -> tuple[Tensor, tuple[int, int, int]]:
    """x (B, T, S, A, D), or a copy with even frames, and how far its frames, cells and heads are apart."""
    B, T = x.shape[:2]
    if x.stride(-1) != 1 or (B > 1 and T > 1 and x.stride(0) != T * x.stride(1)):
        x = x.contiguous()
    return x, (x.stride(1) if T > 1 else x.stride(0), x.stride(2), x.stride(3))


@triton.jit
def _kernel(
    main, frames, cells, heads, over, over_frames, over_cells, over_heads, other, gate, out, rows, S, eps,
    A: tl.constexpr, D: tl.constexpr, BLOCK: tl.constexpr, ROWS: tl.constexpr, NORMED: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    channel = tl.arange(0, BLOCK)[None, :]
    real = (row < rows)[:, None] & (channel < D)
    token, head = row // A, row % A
    frame, cell = (token // S).to(tl.int64), (token % S).to(tl.int64)
    source = (frame * frames + cell * cells + head * heads)[:, None] + channel
    value = tl.load(main + source, mask=real, other=0.0).to(tl.float32)
    if NORMED:
        place = frame * over_frames + cell * over_cells + head * over_heads
        value = value / (tl.load(over + place, mask=row < rows, other=1.0).to(tl.float32) + eps)[:, None]
    at = row[:, None].to(tl.int64) * D + channel
    value += tl.load(other + at, mask=real, other=0.0).to(tl.float32)
    door = tl.load(gate + at, mask=real, other=0.0).to(tl.float32)
    tl.store(out + at, value * (door / (1 + tl.exp(-door))), mask=real)
