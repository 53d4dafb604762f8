"""`residual` as one Triton kernel; reference.py defines it. Inference only; sums are float32."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from flythrough.kernels.rows import per_frame

ELEMENTS = 4096  # of a program


def residual(x: Tensor, y: Tensor, *, gate: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    """As reference.residual."""
    x, y = x.contiguous(), y.contiguous()
    C = x.shape[-1]
    rows = x.numel() // C
    gates, stride, share = (x, 0, 1) if gate is None else per_frame(gate, x)
    dtype = torch.promote_types(
        x.dtype, y.dtype if gate is None else torch.promote_types(y.dtype, gate.dtype)
    )
    out = torch.empty_like(x, dtype=dtype)
    block = min(triton.next_power_of_2(C), 512)
    height = ELEMENTS // block
    _kernel[triton.cdiv(rows, height), triton.cdiv(C, block)](
        x, y, gates, x if bias is None else bias, out, rows, stride, share,
        C=C, BLOCK=block, ROWS=height, GATED=gate is not None, BIASED=bias is not None, num_warps=4,
    )  # fmt: skip
    return out


@triton.jit
def _kernel(
    x, y, gate, bias, out, rows, stride, share,
    C: tl.constexpr, BLOCK: tl.constexpr, ROWS: tl.constexpr, GATED: tl.constexpr, BIASED: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    channel = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)[None, :]
    real = (row < rows)[:, None] & (channel < C)
    at = row[:, None].to(tl.int64) * C + channel
    value = tl.load(y + at, mask=real, other=0.0).to(tl.float32)
    if BIASED:
        value += tl.load(bias + channel, mask=channel < C, other=0.0).to(tl.float32)
    if GATED:
        table = (row // share)[:, None].to(tl.int64) * stride + channel
        value *= tl.load(gate + table, mask=real, other=0.0).to(tl.float32)
    tl.store(out + at, tl.load(x + at, mask=real, other=0.0).to(tl.float32) + value, mask=real)
