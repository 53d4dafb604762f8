"""`window` as one Triton kernel; reference.py defines it. Inference only.

A program writes some cells of one frame, all channels of each. Cells of the border read what they mirror and norm it
again, so every cell is written once and nothing is read back.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from flythrough.kernels.window.reference import EPS

ELEMENTS = 4096  # of a program


def window(
    x: Tensor,
    past: Tensor | None = None,
    bias: Tensor | None = None,
    *,
    lead: int = 2,
    closing: bool = False,
    normed: bool = True,
    border: bool = True,
) -> tuple[Tensor, Tensor]:
    """As reference.window."""
    x = x.contiguous()
    B, T, H, W, C = x.shape
    before = lead if past is None else past.shape[1]
    frames, edge = before + T + closing, int(border)
    out = x.new_empty(B, frames, H + 2 * edge, W + 2 * edge, C)
    after = x.new_empty(B, 2, H, W, C)
    block = triton.next_power_of_2(C)
    cells = max(1, ELEMENTS // block)
    grid = (triton.cdiv(out.shape[2] * out.shape[3], cells), frames, B)
    _kernel[grid](
        x, x if past is None else past.contiguous(), x if bias is None else bias, out, after, T, before, H, W, EPS,
        C=C, BLOCK=block, CELLS=cells, EDGE=edge, BEGUN=past is not None, BIASED=bias is not None, NORMED=normed,
        num_warps=4,
    )  # fmt: skip
    return out, after


@triton.jit
def _kernel(
    x, past, bias, out, after, T, before, H, W, eps,
    C: tl.constexpr, BLOCK: tl.constexpr, CELLS: tl.constexpr, EDGE: tl.constexpr,
    BEGUN: tl.constexpr, BIASED: tl.constexpr, NORMED: tl.constexpr,
):  # fmt: skip
    frame, frames, clip = tl.program_id(1), tl.num_programs(1), tl.program_id(2)
    time = tl.zeros([1, 1], tl.int32) + frame
    rows, columns = H + 2 * EDGE, W + 2 * EDGE
    cell = tl.program_id(0) * CELLS + tl.arange(0, CELLS)
    row, column = cell // columns - EDGE, cell % columns - EDGE
    inside = (row >= 0) & (row < H) & (column >= 0) & (column < W)
    row, column = tl.where(row < 0, -row, row), tl.where(column < 0, -column, column)
    row = tl.where(row < H, row, 2 * H - 2 - row)
    column = tl.where(column < W, column, 2 * W - 2 - column)
    source = (row * W + column).to(tl.int64)
    channel = tl.arange(0, BLOCK)[None, :]
    real = (cell < rows * columns)[:, None] & (channel < C)
    # the first frame stands for those before it, the last one for those after it
    number = tl.minimum(tl.maximum(frame - before, 0), T - 1)
    at = ((clip * T + number) * (H * W) + source)[:, None] * C + channel
    if BEGUN:
        value = tl.load(x + at, mask=real & (time >= before), other=0.0).to(tl.float32)
    else:
        value = tl.load(x + at, mask=real, other=0.0).to(tl.float32)
    if BIASED:
        value += tl.load(bias + channel, mask=channel < C, other=0.0).to(tl.float32)
    if NORMED:
        value = value * tl.rsqrt(tl.sum(value * value, axis=1) / C + eps)[:, None]
        value = value / (1 + tl.exp(-value))
    if BEGUN:
        old = ((clip * before + tl.minimum(frame, before - 1)) * (H * W) + source)[:, None] * C + channel
        known = tl.load(past + old, mask=real & (time < before), other=0.0).to(tl.float32)
        value = tl.where(time < before, known, value)
    place = (clip * frames + frame).to(tl.int64) * (rows * columns) + cell
    tl.store(out + place[:, None] * C + channel, value, mask=real)
    last = (clip * 2 + frame - (frames - 2)) * (H * W) + source
    tl.store(after + last[:, None] * C + channel, value, mask=real & inside[:, None] & (time >= frames - 2))
