"""`around` as a Triton kernel; reference.py defines it. Inference only.

A program owns some channels of some cells and walks along some frames. It reads a frame again for each tap, out of
the cache: carried from step to step in registers instead, compiled code was seen to mix the frames up.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from flythrough.kernels.chunks import chunks_on
from flythrough.kernels.rows import row_stride

CELLS, CHANNELS, FRAMES = 4, 256, 16  # of a program


def around(
    x: Tensor, weight: Tensor, bounds: tuple[int, ...], tail: Tensor | None = None, across: bool = True
) -> Tensor:
    """As reference.around."""
    x, stride = row_stride(x)
    B, T, S, C = x.shape
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    grid = (triton.cdiv(S, CELLS) * triton.cdiv(T, FRAMES), triton.cdiv(C, CHANNELS), B)
    _kernel[grid](
        x, weight.contiguous(), x if tail is None else tail.contiguous(), out, chunks_on(bounds, x.device),
        T, S, stride, C=C, TAILED=tail is not None and across, ACROSS=across,
        CELLS=CELLS, CHANNELS=CHANNELS, FRAMES=FRAMES, num_warps=4,
    )  # fmt: skip
    return out


@triton.jit
def _weights(weight, channel, here, TAP: tl.constexpr):
    return tl.load(weight + channel * 4 + TAP, mask=here, other=0.0).to(tl.float32)[None, :]


@triton.jit
def _frame(x, at, t, low, high, real):
    """The elements of frame t; zeros unless it is one of low .. high - 1."""
    time = tl.zeros([1, 1], tl.int32) + t
    return tl.load(x + at, mask=real & (time >= low) & (time < high), other=0.0).to(tl.float32)


@triton.jit
def _pair(
    x, tail, at, past, lag, t, low, high, step, below, real, weight,
    TAILED: tl.constexpr,
):  # fmt: skip
    """Frames t - lag and t + lag together, times their weight."""
    both = _frame(x, at - lag * step, t - lag, low, high, real) + _frame(
        x, at + lag * step, t + lag, low, high, real
    )
    if TAILED:
        both += _frame(tail, past + (t - lag + 3) * below, t - lag, -3, 0, real)
    return both * weight


@triton.jit
def _kernel(
    x, weight, tail, out, chunks, T, S, stride,
    C: tl.constexpr, TAILED: tl.constexpr, ACROSS: tl.constexpr,
    CELLS: tl.constexpr, CHANNELS: tl.constexpr, FRAMES: tl.constexpr,
):  # fmt: skip
    blocks, clip = tl.cdiv(S, CELLS), tl.program_id(2).to(tl.int64)
    cell = (tl.program_id(0) % blocks * CELLS + tl.arange(0, CELLS))[:, None]
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    real, here = (cell < S) & (channel < C)[None, :], channel < C
    w0, w1 = _weights(weight, channel, here, 0), _weights(weight, channel, here, 1)
    w2, w3 = _weights(weight, channel, here, 2), _weights(weight, channel, here, 3)
    past = (clip * 3 * S + cell) * C + channel[None, :]
    step, below = S * stride, S * C  # from a frame to the next
    first = tl.program_id(0) // blocks * FRAMES
    for t in range(first, tl.minimum(first + FRAMES, T)):
        at = ((clip * T + t) * S + cell) * stride + channel[None, :]
        low = tl.load(chunks + 2 * t)
        high = tl.load(chunks + 2 * t + 1)
        if ACROSS:
            low = low * 0
        value = _frame(x, at, t, low, high, real) * w3
        value += _pair(x, tail, at, past, 1, t, low, high, step, below, real, w2, TAILED)
        value += _pair(x, tail, at, past, 2, t, low, high, step, below, real, w1, TAILED)
        value += _pair(x, tail, at, past, 3, t, low, high, step, below, real, w0, TAILED)
        tl.store(out + ((clip * T + t) * S + cell) * C + channel[None, :], value, mask=real)
