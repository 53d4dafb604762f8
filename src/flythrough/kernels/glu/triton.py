"""`glu` as a Triton kernel; reference.py defines it. Inference only; sums are float32.

A program has a small rectangle of cells and some channels of both halves.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

HIGH, WIDE, CHANNELS = 2, 8, 128  # of a program


def glu(x: Tensor, grid: tuple[int, int], weight: Tensor, bias: Tensor) -> Tensor:
    """As reference.glu."""
    x, (rows, columns) = x.contiguous(), grid
    B, T, S, wide = x.shape
    assert rows * columns == S
    C = wide // 2
    out = torch.empty(B, T, S, C, dtype=x.dtype, device=x.device)
    taps = weight.reshape(wide, 9).T.contiguous()  # channels side by side, as in x
    block = min(CHANNELS, triton.next_power_of_2(C))
    blocks = B * T * triton.cdiv(rows, HIGH) * triton.cdiv(columns, WIDE)
    _kernel[blocks, triton.cdiv(C, block)](
        x, taps, bias, out, rows, columns, C=C, HIGH=HIGH, WIDE=WIDE, CHANNELS=block, num_warps=8
    )
    return out


@triton.jit
def _kernel(
    x, taps, bias, out, rows, columns,
    C: tl.constexpr, HIGH: tl.constexpr, WIDE: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    down, across = tl.cdiv(rows, HIGH), tl.cdiv(columns, WIDE)
    block, cell = tl.program_id(0), tl.arange(0, HIGH * WIDE)
    row = block // across % down * HIGH + cell // WIDE
    column = block % across * WIDE + cell % WIDE
    start = (block // (down * across)).to(tl.int64) * rows  # lines of all frames, one after another
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)[None, :]
    here = channel < C
    y = tl.zeros([HIGH * WIDE, CHANNELS], tl.float32) + tl.load(bias + channel, mask=here, other=0.0)
    gate = tl.zeros([HIGH * WIDE, CHANNELS], tl.float32) + tl.load(bias + C + channel, mask=here, other=0.0)
    for tap in tl.static_range(9):
        above, beside = row + (tap // 3 - 1), column + (tap % 3 - 1)
        inside = (above >= 0) & (above < rows) & (beside >= 0) & (beside < columns)
        at = ((start + above) * columns + beside)[:, None] * (2 * C) + channel
        real = inside[:, None] & here
        w = tl.load(taps + tap * 2 * C + channel, mask=here, other=0.0).to(tl.float32)
        y += tl.load(x + at, mask=real, other=0.0).to(tl.float32) * w
        w = tl.load(taps + tap * 2 * C + C + channel, mask=here, other=0.0).to(tl.float32)
        gate += tl.load(x + C + at, mask=real, other=0.0).to(tl.float32) * w
    place = ((start + row) * columns + column)[:, None] * C + channel
    real = ((row < rows) & (column < columns))[:, None] & here
    tl.store(out + place, y * (gate / (1 + tl.exp(-gate))), mask=real)
