"""`spread_sum` as one Triton kernel; reference.py defines it. Inference only; sums are float32."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

CELLS, CHANNELS = 8, 64  # of a program; each channel of the result stands for eight that are read


def spread_sum(y: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """As reference.spread_sum."""
    y, x = y.contiguous(), x.contiguous()
    B, T, H, W, channels = y.shape
    C = channels // 8
    out = torch.empty(B, 2 * T, 2 * H, 2 * W, C, dtype=torch.promote_types(x.dtype, y.dtype), device=y.device)
    cells, block = B * T * H * W, min(triton.next_power_of_2(C), CHANNELS)
    _kernel[triton.cdiv(cells, CELLS), triton.cdiv(C, block)](
        y, bias, x, out, cells, H, W, C=C, SHARED=x.shape[-1] // 8, BLOCK=block, CELLS=CELLS, num_warps=4
    )
    return out


@triton.jit
def _kernel(
    y, bias, x, out, cells, H, W,
    C: tl.constexpr, SHARED: tl.constexpr, BLOCK: tl.constexpr, CELLS: tl.constexpr,
):  # fmt: skip
    cell = tl.program_id(0) * CELLS + tl.arange(0, CELLS)
    channel = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    real = (cell < cells)[:, None, None] & (channel < C)[None, :, None]
    part = tl.arange(0, 8)[None, None, :]  # which of the eight cells
    own = channel[None, :, None] * 8 + part
    here = cell[:, None, None].to(tl.int64)
    value = tl.load(y + here * (8 * C) + own, mask=real, other=0.0).to(tl.float32)
    value += tl.load(bias + own, mask=(channel < C)[None, :, None], other=0.0).to(tl.float32)
    fewer = (channel % SHARED)[None, :, None] * 8 + part
    value += tl.load(x + here * (8 * SHARED) + fewer, mask=real, other=0.0).to(tl.float32)
    column, line = (cell % W)[:, None, None], cell // W  # lines of all frames, one after another
    row, frame = (line % H)[:, None, None], (line // H)[:, None, None]
    row = (frame * 2 + part // 4) * (2 * H) + row * 2 + part // 2 % 2
    place = row.to(tl.int64) * (2 * W) + column * 2 + part % 2
    tl.store(out + place * C + channel[None, :, None], value, mask=real)
