"""`scan` as Triton kernels, there and back; reference.py defines it.

The rows of the memory never meet on their way through the frames, so a program carries a block of them, of one head
of one clip, in registers. What a transition is to blame for sums over rows but not over frames: a kernel of its own.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from flythrough.kernels.chunks import chunks_on

ROWS = 16
LARGEST = 128  # of D


def scan(transition: Tensor, write: Tensor, before: Tensor | None = None) -> Tensor:
    """As reference.scan, for float32 and D up to LARGEST."""
    return _Scan.apply(transition, write, before)


def around(
    transition: Tensor, write: Tensor, bounds: tuple[int, ...], before: Tensor | None = None
) -> Tensor:
    """As reference.around, for float32 and D up to LARGEST, without gradients."""
    transition, write = transition.contiguous(), write.contiguous()
    found = scan(transition, write, before)
    if len(bounds) <= write.shape[1]:  # else every frame is a chunk of its own
        chunks, options = chunks_on(bounds, write.device), _options(write, before)
        del options["BEGUN"]
        _later_kernel[_grid(write)](transition, write, found, chunks, *write.shape[1:4], **options)
    return found


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, transition: Tensor, write: Tensor, before: Tensor | None) -> Tensor:
        transition, write = transition.contiguous(), write.contiguous()
        before = None if before is None else before.contiguous()
        states = torch.empty_like(write)
        _forward_kernel[_grid(write)](
            transition, write, write if before is None else before, states, *write.shape[1:4],
            **_options(write, before),
        )  # fmt: skip
        ctx.save_for_backward(transition, before, states)
        return states

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        transition, before, states = ctx.saved_tensors
        above = gradients[0].contiguous()
        B, T, A, R, _ = states.shape
        d_transition, d_write = torch.empty_like(transition), torch.empty_like(states)
        d_before = None if before is None else torch.empty_like(before)
        options = _options(states, before)
        _backward_kernel[_grid(states)](
            transition, above, d_write, d_write if d_before is None else d_before, T, A, R, **options
        )
        _transition_kernel[B * A, T](
            states, states if before is None else before, d_write, d_transition, T, A, R, **options
        )
        return d_transition, d_write, d_before


def _grid(write: Tensor) -> tuple[int, int]:
    B, _, A, R, _ = write.shape
    return B * A, triton.cdiv(R, ROWS)


def _options(write: Tensor, before: Tensor | None) -> dict[str, Any]:
    D = write.shape[-1]
    block = max(16, triton.next_power_of_2(D))
    return {
        "D": D,
        "BLOCK": block,
        "ROWS": ROWS,
        "BEGUN": before is not None,
        "PRECISION": "tf32" if torch.backends.cuda.matmul.fp32_precision == "tf32" else "ieee",
        "num_warps": 4 if block < 64 else 8,
        "num_stages": 3 if block < 128 else 2,  # a transition of 128 x 128 fills 64 kB of shared memory
    }


@triton.jit
def _square(t, T, A, D: tl.constexpr, BLOCK: tl.constexpr):
    """Where a head's transition of frame t lies, and what of the block is inside it."""
    head, i = tl.program_id(0).to(tl.int64), tl.arange(0, BLOCK)
    frame = (head // A * T + t) * A + head % A
    return frame * D * D + i[:, None] * D + i[None, :], (i < D)[:, None] & (i < D)[None, :]


@triton.jit
def _rows(first, t, T, A, R, D: tl.constexpr, BLOCK: tl.constexpr, ROWS: tl.constexpr):
    """Where a block of a head's rows lies at frame t, where in a memory without frames, and what of it is inside."""
    head = tl.program_id(0).to(tl.int64)
    row, column = first + tl.arange(0, ROWS), tl.arange(0, BLOCK)
    cell = row[:, None] * D + column[None, :]
    frame = (head // A * T + t) * A + head % A
    return frame * R * D + cell, head * R * D + cell, (row < R)[:, None] & (column < D)[None, :]


@triton.jit
def _forward_kernel(
    transition, write, before, states, T, A, R,
    D: tl.constexpr, BLOCK: tl.constexpr, ROWS: tl.constexpr, BEGUN: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    square, whole = _square(0, T, A, D, BLOCK)
    here, alone, inside = _rows(tl.program_id(1) * ROWS, 0, T, A, R, D, BLOCK, ROWS)
    state = tl.zeros([ROWS, BLOCK], tl.float32)
    if BEGUN:
        state = tl.load(before + alone, mask=inside, other=0.0)
    for _ in range(T):
        step = tl.load(transition + square, mask=whole, other=0.0)
        written = tl.load(write + here, mask=inside, other=0.0)
        # not written + product: that would start the sums at `written`, which costs thousands of spilled bytes
        state = tl.fma(written, 1.0, tl.dot(state, step, input_precision=PRECISION))
        tl.store(states + here, state, mask=inside)
        square += A * D * D
        here += A * R * D


@triton.jit
def _later_kernel(
    transition, write, found, chunks, T, A, R,
    D: tl.constexpr, BLOCK: tl.constexpr, ROWS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    square, whole = _square(T - 1, T, A, D, BLOCK)
    here, _, inside = _rows(tl.program_id(1) * ROWS, T - 1, T, A, R, D, BLOCK, ROWS)
    later = tl.zeros([ROWS, BLOCK], tl.float32)
    for i in range(T):
        t = T - 1 - i
        last = tl.zeros([1, 1], tl.int32) + (t + 1 - tl.load(chunks + 2 * t + 1))
        later = tl.where(last == 0, 0.0, later)  # a chunk ends here, so nothing comes from behind
        tl.store(found + here, tl.load(found + here, mask=inside, other=0.0) + later, mask=inside)
        step = tl.load(transition + square, mask=whole, other=0.0)
        written = tl.load(write + here, mask=inside, other=0.0)
        later = tl.fma(written, 1.0, tl.dot(later, step, input_precision=PRECISION))
        square -= A * D * D
        here -= A * R * D


@triton.jit
def _backward_kernel(
    transition, above, d_write, d_before, T, A, R,
    D: tl.constexpr, BLOCK: tl.constexpr, ROWS: tl.constexpr, BEGUN: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    square, whole = _square(T - 1, T, A, D, BLOCK)
    here, alone, inside = _rows(tl.program_id(1) * ROWS, T - 1, T, A, R, D, BLOCK, ROWS)
    later = tl.zeros([ROWS, BLOCK], tl.float32)
    for _ in range(T):
        blame = later + tl.load(above + here, mask=inside, other=0.0)
        tl.store(d_write + here, blame, mask=inside)
        step = tl.load(transition + square, mask=whole, other=0.0)
        later = tl.dot(blame, tl.trans(step), input_precision=PRECISION)
        square -= A * D * D
        here -= A * R * D
    if BEGUN:
        tl.store(d_before + alone, later, mask=inside)


@triton.jit
def _transition_kernel(
    states, before, d_write, d_transition, T, A, R,
    D: tl.constexpr, BLOCK: tl.constexpr, ROWS: tl.constexpr, BEGUN: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    t = tl.program_id(1)
    square, whole = _square(t, T, A, D, BLOCK)
    total = tl.zeros([BLOCK, BLOCK], tl.float32)
    for first in range(0, R, ROWS):
        here, alone, inside = _rows(first, t, T, A, R, D, BLOCK, ROWS)
        previous = tl.load(states + here - A * R * D, mask=tl.where(t > 0, inside, False), other=0.0)
        if BEGUN:
            previous += tl.load(before + alone, mask=tl.where(t > 0, False, inside), other=0.0)
        blame = tl.load(d_write + here, mask=inside, other=0.0)
        total = tl.dot(tl.trans(previous), blame, total, input_precision=PRECISION)
    tl.store(d_transition + square, total, mask=whole)
