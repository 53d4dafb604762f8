"""`turn` as two Triton kernels, there and back; reference.py defines it.

A program handles a block of rows, each one head of one token. Rows are read as they lie in memory and written with
the heads in front of the cells, (B, T, A, S, D), as the products over cells want them; the result is a view of that.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

ROWS = 16


def turn(
    x: Tensor,
    cos: Tensor,
    sin: Tensor,
    matrix: Tensor | None = None,
    *,
    relu: bool = False,
    scale: float = 1.0,
    shrink: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """As reference.turn."""
    turned, growth = _Turn.apply(x, cos, sin, matrix, relu, scale, shrink)
    return turned, growth if shrink else None


class _Turn(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        cos: Tensor,
        sin: Tensor,
        matrix: Tensor | None,
        relu: bool,
        scale: float,
        shrink: bool,
    ) -> tuple[Tensor, Tensor]:
        x, cos, sin = x.contiguous(), cos.contiguous(), sin.contiguous()
        B, T, S, A, D = x.shape
        out = x.new_empty(B, T, A, S, D, dtype=torch.float32)
        growth = x.new_empty(B, T, S, A, dtype=torch.float32)
        _forward_kernel[_grid(x)](
            x, cos, sin, *_matrix(x, matrix), out, growth, B * T * S * A, T * S, S, scale,
            **_shape(x, matrix, relu, shrink),
        )  # fmt: skip
        ctx.save_for_backward(x, cos, sin, matrix)
        ctx.options = relu, scale, shrink
        ctx.mark_non_differentiable(growth)
        return out.transpose(2, 3), growth

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, cos, sin, matrix = ctx.saved_tensors
        relu, scale, shrink = ctx.options
        B, T, S, A, _ = x.shape
        above = gradients[0].transpose(2, 3).float().contiguous()  # (B, T, A, S, D)
        dx = torch.empty_like(x)
        _backward_kernel[_grid(x)](
            x, cos, sin, *_matrix(x, matrix), above, dx, B * T * S * A, T * S, S, scale,
            **_shape(x, matrix, relu, shrink),
        )  # fmt: skip
        return dx, None, None, None, None, None, None


def _grid(x: Tensor) -> tuple[int]:
    return (triton.cdiv(x[..., 0].numel(), ROWS),)


def _matrix(x: Tensor, matrix: Tensor | None) -> tuple[Tensor, int, int]:
    """The matrices, and the strides of their rows and columns; a transposed view costs nothing."""
    if matrix is None:
        return x, 0, 0
    if matrix.stride(-2) * matrix.stride(-1) != 4 or matrix.stride(2) != 16:
        matrix = matrix.contiguous()
    return matrix, matrix.stride(-2), matrix.stride(-1)


def _shape(x: Tensor, matrix: Tensor | None, relu: bool, shrink: bool) -> dict[str, int | bool]:
    A, D = x.shape[-2:]
    turning = D if matrix is None else D // 2
    return {
        "A": A,
        "D": D,
        "FOURS": D // 8,
        "PAIRS": turning // 2,
        "FOURS_BLOCK": triton.next_power_of_2(D // 8),
        "PAIRS_BLOCK": triton.next_power_of_2(turning // 2),
        "SPATIAL": matrix is not None,
        "RELU": relu,
        "SHRINK": shrink,
        "ROWS": ROWS,
    }


@triton.jit
def _read(pointer, offset, mask, scale, RELU: tl.constexpr):
    value = tl.load(pointer + offset, mask=mask, other=0.0).to(tl.float32)
    if RELU:
        value = tl.maximum(value, 0.0)
    return value * scale


@triton.jit
def _places(rows, per_clip, S, A: tl.constexpr, ROWS: tl.constexpr):
    """Of a block of rows: which are real, their token, the token's place in the clip, their row with heads in front."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    token, head = row // A, row % A
    return row, row < rows, token, token % per_clip, ((token // S) * A + head) * S + token % S


@triton.jit
def _pairs(x, cos, sin, at, table, here, scale, RELU: tl.constexpr):
    """Both channels of every pair, and the cosine and sine of its angle."""
    c, s = tl.load(cos + table, mask=here, other=0.0), tl.load(sin + table, mask=here, other=0.0)
    return _read(x, at, here, scale, RELU), _read(x, at + 1, here, scale, RELU), c, s


@triton.jit
def _product(
    x, start, cell, i, along_rows, along_columns, inside, real, scale,
    RELU: tl.constexpr, ROWS: tl.constexpr, FOURS_BLOCK: tl.constexpr,
):  # fmt: skip
    """Row i of each token's matrix times every four of its vector."""
    part = tl.zeros([ROWS, FOURS_BLOCK], tl.float32)
    for j in tl.static_range(4):
        m = tl.load(cell + i * along_rows + j * along_columns, mask=real, other=0.0)
        part += m[:, None] * _read(x, start + j, inside, scale, RELU)
    return part


@triton.jit
def _forward_kernel(
    x, cos, sin, matrix, along_rows, along_columns, out, growth, rows, per_clip, S, scale,
    A: tl.constexpr, D: tl.constexpr, FOURS: tl.constexpr, PAIRS: tl.constexpr,
    FOURS_BLOCK: tl.constexpr, PAIRS_BLOCK: tl.constexpr,
    SPATIAL: tl.constexpr, RELU: tl.constexpr, SHRINK: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    row, real, token, place, target = _places(rows, per_clip, S, A, ROWS)
    pair = tl.arange(0, PAIRS_BLOCK)
    here = real[:, None] & (pair < PAIRS)[None, :]
    at = row[:, None] * D + (D - 2 * PAIRS) + 2 * pair[None, :]
    even, odd, c, s = _pairs(x, cos, sin, at, place[:, None] * PAIRS + pair[None, :], here, scale, RELU)
    turned_even, turned_odd = even * c - odd * s, even * s + odd * c
    before = tl.sum(even * even + odd * odd, axis=1)
    after = before  # a turn keeps lengths
    four = tl.arange(0, FOURS_BLOCK)
    inside = real[:, None] & (four < FOURS)[None, :]
    start = row[:, None] * D + 4 * four[None, :]
    cell = matrix + token * 16
    if SPATIAL:
        for i in tl.static_range(4):
            h = _read(x, start + i, inside, scale, RELU)
            before += tl.sum(h * h, axis=1)
            part = _product(
                x, start, cell, i, along_rows, along_columns, inside, real, scale, RELU, ROWS, FOURS_BLOCK
            )
            after += tl.sum(part * part, axis=1)
    factor = before * 0 + 1
    if SHRINK:
        factor = tl.minimum(tl.sqrt((before / D + 1e-6) / (after / D + 1e-6)), 1.0)
    goal = target[:, None] * D + (D - 2 * PAIRS) + 2 * pair[None, :]
    tl.store(out + goal, turned_even * factor[:, None], mask=here)
    tl.store(out + goal + 1, turned_odd * factor[:, None], mask=here)
    if SPATIAL:
        for i in tl.static_range(4):
            part = _product(
                x, start, cell, i, along_rows, along_columns, inside, real, scale, RELU, ROWS, FOURS_BLOCK
            )
            tl.store(out + target[:, None] * D + 4 * four[None, :] + i, part * factor[:, None], mask=inside)
    longer, length = tl.maximum(factor * tl.sqrt(after), 1e-6), tl.maximum(tl.sqrt(before), 1e-6)
    tl.store(growth + row, (longer / length) * (longer / length), mask=real)


@triton.jit
def _backward_kernel(
    x, cos, sin, matrix, along_rows, along_columns, above, dx, rows, per_clip, S, scale,
    A: tl.constexpr, D: tl.constexpr, FOURS: tl.constexpr, PAIRS: tl.constexpr,
    FOURS_BLOCK: tl.constexpr, PAIRS_BLOCK: tl.constexpr,
    SPATIAL: tl.constexpr, RELU: tl.constexpr, SHRINK: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    row, real, token, place, target = _places(rows, per_clip, S, A, ROWS)
    pair = tl.arange(0, PAIRS_BLOCK)
    here = real[:, None] & (pair < PAIRS)[None, :]
    at = row[:, None] * D + (D - 2 * PAIRS) + 2 * pair[None, :]
    even, odd, c, s = _pairs(x, cos, sin, at, place[:, None] * PAIRS + pair[None, :], here, scale, RELU)
    source = target[:, None] * D + (D - 2 * PAIRS) + 2 * pair[None, :]
    above_even = tl.load(above + source, mask=here, other=0.0)
    above_odd = tl.load(above + source + 1, mask=here, other=0.0)
    # h' turned, f h' shrunk, f = |h| / |h'|: d f / d h' = -f h' / |h'|^2, d f / d h = f h / |h|^2
    before = tl.sum(even * even + odd * odd, axis=1)
    after = before
    along = tl.sum(above_even * (even * c - odd * s) + above_odd * (even * s + odd * c), axis=1)  # above . h'
    four = tl.arange(0, FOURS_BLOCK)
    inside = real[:, None] & (four < FOURS)[None, :]
    start, begin = row[:, None] * D + 4 * four[None, :], target[:, None] * D + 4 * four[None, :]
    cell = matrix + token * 16
    if SPATIAL and SHRINK:
        for i in tl.static_range(4):
            h = _read(x, start + i, inside, scale, RELU)
            before += tl.sum(h * h, axis=1)
            part = _product(
                x, start, cell, i, along_rows, along_columns, inside, real, scale, RELU, ROWS, FOURS_BLOCK
            )
            after += tl.sum(part * part, axis=1)
            along += tl.sum(tl.load(above + begin + i, mask=inside, other=0.0) * part, axis=1)
    factor = before * 0 + 1
    of_turned, of_own = before * 0, before * 0
    if SHRINK:
        before, after = before + D * 1e-6, after + D * 1e-6
        ratio = tl.sqrt(before / after)
        factor = tl.minimum(ratio, 1.0)
        shrinks = ratio < 1.0
        of_turned = tl.where(shrinks, -along * factor / after, 0.0)  # times h'
        of_own = tl.where(shrinks, along * factor / before, 0.0)  # times h
    d_even = above_even * factor[:, None] + of_turned[:, None] * (even * c - odd * s)
    d_odd = above_odd * factor[:, None] + of_turned[:, None] * (even * s + odd * c)
    back_even = d_even * c + d_odd * s + of_own[:, None] * even
    back_odd = d_odd * c - d_even * s + of_own[:, None] * odd
    if RELU:
        back_even, back_odd = (
            tl.where(even * scale > 0, back_even, 0.0),
            tl.where(odd * scale > 0, back_odd, 0.0),
        )
    tl.store(dx + at, back_even * scale, mask=here)
    tl.store(dx + at + 1, back_odd * scale, mask=here)
    if SPATIAL:
        for j in tl.static_range(4):
            own = _read(x, start + j, inside, scale, RELU)
            back = of_own[:, None] * own
            for i in tl.static_range(4):
                m = tl.load(cell + i * along_rows + j * along_columns, mask=real, other=0.0)
                d = tl.load(above + begin + i, mask=inside, other=0.0) * factor[:, None]
                if SHRINK:
                    d += of_turned[:, None] * _product(
                        x,
                        start,
                        cell,
                        i,
                        along_rows,
                        along_columns,
                        inside,
                        real,
                        scale,
                        RELU,
                        ROWS,
                        FOURS_BLOCK,
                    )
                back += m[:, None] * d
            if RELU:
                back = tl.where(own * scale > 0, back, 0.0)
            tl.store(dx + start + j, back * scale, mask=inside)
