"""`taps` as two Triton kernels, there and back; reference.py defines it.

A program owns some channels of some cells of one clip and walks along time. It reads a frame again for each tap, out
of the cache: carried from step to step in registers instead, compiled code was seen to mix the frames up.
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
def _frame(pointer, at, t, T, real):
    """The elements of frame t in float32; zeros for a frame that lies outside the clip."""
    time = tl.zeros([1, 1], tl.int32) + t
    return tl.load(pointer + at, mask=real & (time >= 0) & (time < T), other=0.0).to(tl.float32)


@triton.jit(do_not_specialize=["clips"])  # one clip would be a constant, which is no tensor
def _forward_kernel(
    x, weight, out, clips, T, S, C, TEACHER: tl.constexpr, CELLS: tl.constexpr, CHANNELS: tl.constexpr
):
    clip, element, real, channel = _block(S, C, CELLS, CHANNELS)
    w0, w1, w2, w3 = _weights(weight, channel, C)
    frame = S * C
    noisy = clips.to(tl.int64) * T * frame  # from a clean copy to its noisy one
    for t in range(T):
        at = (clip * T + t) * frame + element
        past = _frame(x, at - frame, t - 1, T, real) * w2
        past += _frame(x, at - 2 * frame, t - 2, T, real) * w1
        past += _frame(x, at - 3 * frame, t - 3, T, real) * w0
        tl.store(out + at, _frame(x, at, t, T, real) * w3 + past, mask=real)
        if TEACHER:
            tl.store(out + noisy + at, _frame(x, noisy + at, t, T, real) * w3 + past, mask=real)


@triton.jit
def _blame(above, at, noisy, t, T, real, TEACHER: tl.constexpr):
    """The gradient of frame t's output, of both copies together."""
    total = _frame(above, at, t, T, real)
    if TEACHER:
        total += _frame(above, noisy + at, t, T, real)
    return total


@triton.jit(do_not_specialize=["clips"])
def _backward_kernel(
    x, weight, above, dx, parts, clips, T, S, C,
    TEACHER: tl.constexpr, CELLS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    clip, element, real, channel = _block(S, C, CELLS, CHANNELS)
    w0, w1, w2, w3 = _weights(weight, channel, C)
    frame = S * C
    noisy = clips.to(tl.int64) * T * frame
    d0 = tl.zeros([CELLS, CHANNELS], tl.float32)
    d1 = tl.zeros([CELLS, CHANNELS], tl.float32)
    d2 = tl.zeros([CELLS, CHANNELS], tl.float32)
    d3 = tl.zeros([CELLS, CHANNELS], tl.float32)
    for t in range(T):
        at = (clip * T + t) * frame + element
        value, g0 = _frame(x, at, t, T, real), _frame(above, at, t, T, real)
        g1 = _blame(above, at + frame, noisy, t + 1, T, real, TEACHER)
        g2 = _blame(above, at + 2 * frame, noisy, t + 2, T, real, TEACHER)
        g3 = _blame(above, at + 3 * frame, noisy, t + 3, T, real, TEACHER)
        tl.store(dx + at, g0 * w3 + g1 * w2 + g2 * w1 + g3 * w0, mask=real)
        d3 += g0 * value
        d2 += g1 * value
        d1 += g2 * value
        d0 += g3 * value
        if TEACHER:
            other = _frame(above, noisy + at, t, T, real)
            tl.store(dx + noisy + at, other * w3, mask=real)
            d3 += other * _frame(x, noisy + at, t, T, real)
    target = parts + (tl.program_id(0).to(tl.int64) * C + channel) * 4
    inside = channel < C
    tl.store(target, tl.sum(d0, axis=0), mask=inside)
    tl.store(target + 1, tl.sum(d1, axis=0), mask=inside)
    tl.store(target + 2, tl.sum(d2, axis=0), mask=inside)
    tl.store(target + 3, tl.sum(d3, axis=0), mask=inside)
