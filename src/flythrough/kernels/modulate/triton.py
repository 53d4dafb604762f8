"""`modulate` as one Triton kernel; reference.py defines it. Inference only; all sums are float32."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from flythrough.kernels.rows import per_frame

ELEMENTS = 4096  # of a program


def modulate(x: Tensor, shift: Tensor, scale: Tensor, *, eps: float, centred: bool) -> Tensor:
    """As reference.modulate."""
    x, (shift, below, share), (scale, beside, shared) = (
        x.contiguous(),
        per_frame(shift, x),
        per_frame(scale, x),
    )
    assert share == shared
    C = x.shape[-1]
    rows, block = x.numel() // C, triton.next_power_of_2(C)
    height = max(1, ELEMENTS // block)
    out = torch.empty_like(x, dtype=torch.promote_types(x.dtype, scale.dtype))
    _kernel[(triton.cdiv(rows, height),)](
        x, shift, scale, out, rows, below, beside, share, eps,
        C=C, BLOCK=block, ROWS=height, CENTRED=centred, num_warps=4 if block < 2048 else 8,
    )  # fmt: skip
    return out


@triton.jit
def _kernel(
    x, shift, scale, out, rows, below, beside, share, eps,
    C: tl.constexpr, BLOCK: tl.constexpr, ROWS: tl.constexpr, CENTRED: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    channel = tl.arange(0, BLOCK)[None, :]
    real = (row < rows)[:, None] & (channel < C)
    at = row[:, None].to(tl.int64) * C + channel
    frame = (row // share)[:, None].to(tl.int64)
    value = tl.load(x + at, mask=real, other=0.0).to(tl.float32)
    gain = 1 + tl.load(scale + frame * beside + channel, mask=real, other=0.0).to(tl.float32)
    offset = tl.load(shift + frame * below + channel, mask=real, other=0.0).to(tl.float32)
    if CENTRED:
        value = tl.where(real, value - (tl.sum(value, axis=1) / C)[:, None], 0.0)
    value = value * tl.rsqrt(tl.sum(value * value, axis=1) / C + eps)[:, None]
    tl.store(out + at, value * gain + offset, mask=real)
