"""`taps` as two Triton kernels, there and back; reference.py defines it.

A program owns some channels of one cell of one clip and walks along time, so every frame is read once.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

CELLS, CHANNELS = 4, 64


def taps(x: Tensor, weight: Tensor, teacher: bool = False) -> Tensor:
    """As reference.taps without a tail."""
    return _Taps.apply(x, weight, teacher)


class _Taps(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, teacher: bool) -> Tensor:
        x, weight = x.contiguous(), weight.contiguous()
        out = torch.empty_like(x)
        clips, grid = _layout(x, teacher)
        _forward_kernel[grid](
            x, weight, out, clips, *x.shape[1:], TEACHER=teacher, CELLS=CELLS, CHANNELS=CHANNELS
        )
        ctx.save_for_backward(x, weight)
        ctx.teacher = teacher
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        above, dx = gradients[0].contiguous(), torch.empty_like(x)
        clips, grid = _layout(x, ctx.teacher)
        parts = x.new_empty(
            grid[0], x.shape[3], 4, dtype=torch.float32
        )  # each program's share, summed in order
        _backward_kernel[grid](
            x,
            weight,
            above,
            dx,
            parts,
            clips,
            *x.shape[1:],
            TEACHER=ctx.teacher,
            CELLS=CELLS,
            CHANNELS=CHANNELS,
        )
        return dx, parts.sum(0).to(weight.dtype), None


def _layout(x: Tensor, teacher: bool) -> tuple[int, tuple[int, int]]:
    """Clips that a program each walks along (a clean and a noisy copy together), and the grid."""
    clips = len(x) // 2 if teacher else len(x)
    return clips, (clips * triton.cdiv(x.shape[2], CELLS), triton.cdiv(x.shape[3], CHANNELS))


@triton.jit
def _block(S, C, CELLS: tl.constexpr, CHANNELS: tl.constexpr):
    """This program's clip, its elements of a frame, and which of them exist."""
    blocks = tl.cdiv(S, CELLS)
    clip = (tl.program_id(0) // blocks).to(tl.int64)
    cell = (tl.program_id(0) % blocks) * CELLS + tl.arange(0, CELLS)
    channel = tl.program_id(1) * CHANNELS + tl.arange(0, CHANNELS)
    return clip, cell[:, None] * C + channel[None, :], (cell < S)[:, None] & (channel < C)[None, :], channel


@triton.jit
def _weights(weight, channel, C):
    here = channel < C
    w0 = tl.load(weight + channel * 4, mask=here, other=0.0).to(tl.float32)[None, :]
    w1 = tl.load(weight + channel * 4 + 1, mask=here, other=0.0).to(tl.float32)[None, :]
    w2 = tl.load(weight + channel * 4 + 2, mask=here, other=0.0).to(tl.float32)[None, :]
    w3 = tl.load(weight + channel * 4 + 3, mask=here, other=0.0).to(tl.float32)[None, :]
    return w0, w1, w2, w3


@triton.jit
def _forward_kernel(
    x, weight, out, clips, T, S, C, TEACHER: tl.constexpr, CELLS: tl.constexpr, CHANNELS: tl.constexpr
):
    clip, element, real, channel = _block(S, C, CELLS, CHANNELS)
    w0, w1, w2, w3 = _weights(weight, channel, C)
    noisy = clips.to(tl.int64) * T * S * C  # from a clean copy to its noisy one
    x1 = tl.zeros([CELLS, CHANNELS], tl.float32)
    x2, x3 = x1, x1  # one, two and three frames back
    for t in range(T):
        at = (clip * T + t) * S * C + element
        x0 = tl.load(x + at, mask=real, other=0.0).to(tl.float32)
        past = x1 * w2 + x2 * w1 + x3 * w0
        tl.store(out + at, x0 * w3 + past, mask=real)
        if TEACHER:
            other = tl.load(x + noisy + at, mask=real, other=0.0).to(tl.float32)
            tl.store(out + noisy + at, other * w3 + past, mask=real)
        x3, x2, x1 = x2, x1, x0


@triton.jit
def _backward_kernel(
    x, weight, above, dx, parts, clips, T, S, C,
    TEACHER: tl.constexpr, CELLS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    clip, element, real, channel = _block(S, C, CELLS, CHANNELS)
    w0, w1, w2, w3 = _weights(weight, channel, C)
    noisy = clips.to(tl.int64) * T * S * C
    g1 = tl.zeros([CELLS, CHANNELS], tl.float32)
    g2, g3 = g1, g1  # gradients of the frames that come one, two and three later, both copies together
    d0, d1, d2, d3 = g1, g1, g1, g1
    for step in range(T):
        at = (clip * T + T - 1 - step) * S * C + element
        value = tl.load(x + at, mask=real, other=0.0).to(tl.float32)
        g0 = tl.load(above + at, mask=real, other=0.0).to(tl.float32)
        tl.store(dx + at, g0 * w3 + g1 * w2 + g2 * w1 + g3 * w0, mask=real)
        d3 += g0 * value
        d2 += g1 * value
        d1 += g2 * value
        d0 += g3 * value
        if TEACHER:
            other = tl.load(above + noisy + at, mask=real, other=0.0).to(tl.float32)
            tl.store(dx + noisy + at, other * w3, mask=real)
            d3 += other * tl.load(x + noisy + at, mask=real, other=0.0).to(tl.float32)
            g0 += other
        g3, g2, g1 = g2, g1, g0
    target = parts + (tl.program_id(0).to(tl.int64) * C + channel) * 4
    inside = channel < C
    tl.store(target, tl.sum(d0, axis=0), mask=inside)
    tl.store(target + 1, tl.sum(d1, axis=0), mask=inside)
    tl.store(target + 2, tl.sum(d2, axis=0), mask=inside)
    tl.store(target + 3, tl.sum(d3, axis=0), mask=inside)
