"""`lay` as Triton kernels; reference.py defines it. Inference only; everything between is float32.

A program handles a block of rows, each one head of one token. Vectors are read and written in whole words of memory;
pairs and fours are taken apart in registers. The norm goes over all heads, so it takes a pass of its own, which
leaves one number a token.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from flythrough.kernels.rows import row_stride

ROWS = 32
ELEMENTS = 4096  # of a program that takes norms


def lay(
    out: Tensor,
    x: Tensor,
    rotary: tuple[Tensor, Tensor] | None = None,
    matrix: Tensor | None = None,
    *,
    weight: Tensor | None = None,
    eps: float = 1e-5,
    relu: bool = False,
    scale: float = 1.0,
    shrink: bool = False,
    strength: Tensor | None = None,
    plain: Tensor | None = None,
) -> Tensor | None:
    """As reference.lay."""
    B, T, S, A, D = x.shape
    cos, sin = (x, x) if rotary is None else (part.contiguous() for part in rotary)
    source, x_strides = x, _strides(x)
    if x_strides is None:
        source = x.contiguous()
        x_strides = S * A * D, A * D, D
    out_strides, plain_strides = _strides(out), (0, 0, 0) if plain is None else _strides(plain)
    assert out_strides is not None, "out has frames that are not evenly apart"
    assert plain_strides is not None, "plain has frames that are not evenly apart"
    growth = torch.empty(B, T, S, A, device=x.device) if shrink else None
    turning = 0 if rotary is None else D if matrix is None else D // 2
    _kernel[(triton.cdiv(B * T * S * A, ROWS),)](
        source, *x_strides, out, *out_strides, out if plain is None else plain, *plain_strides,
        source if weight is None else weight, source if weight is None else _inverse_rms(x, eps),
        cos, sin, *_matrix(source, matrix), out if growth is None else growth,
        out if strength is None else strength.contiguous(),
        B * T * S * A, T * S, S, scale,
        A=A, D=D, TURNING=turning, FIRST=_block(D - turning), REST=_block(turning),
        STRONG=strength is not None, NORMED=weight is not None, SPATIAL=matrix is not None,
        RELU=relu, SHRINK=shrink, PLAIN=plain is not None,
        ROWS=ROWS, num_warps=4,
    )  # fmt: skip
    return growth


def _block(channels: int) -> int:
    return max(8, triton.next_power_of_2(channels))


def _strides(x: Tensor) -> tuple[int, int, int] | None:
    """How far frames, cells and heads are apart, if the frames of all clips are evenly and channels lie together."""
    B, T = x.shape[:2]
    if x.stride(-1) != 1 or (B > 1 and T > 1 and x.stride(0) != T * x.stride(1)):
        return None
    return x.stride(1) if T > 1 else x.stride(0), x.stride(2), x.stride(3)


def _matrix(x: Tensor, matrix: Tensor | None) -> tuple[Tensor, int, int]:
    """The matrices, and the strides of their rows and columns; a transposed view costs nothing."""
    if matrix is None:
        return x, 0, 0
    T, S = matrix.shape[1:3]
    if matrix.stride(-2) * matrix.stride(-1) != 4 or matrix.stride()[:3] != (16 * T * S, 16 * S, 16):
        matrix = matrix.contiguous()
    return matrix, matrix.stride(-2), matrix.stride(-1)


def _inverse_rms(x: Tensor, eps: float) -> Tensor:
    """1 / rms over all heads of each token of x (B, T, S, A, D), (B T S,) float32."""
    row, stride = row_stride(x.flatten(-2))
    C = row.shape[-1]
    tokens, block = row.numel() // C, triton.next_power_of_2(C)
    height = max(1, ELEMENTS // block)
    out = torch.empty(tokens, device=x.device)
    _rms_kernel[(triton.cdiv(tokens, height),)](
        row, stride, out, tokens, eps,
        C=C, BLOCK=block, ROWS=height, num_warps=4 if block < 2048 else 8,
    )  # fmt: skip
    return out


@triton.jit
def _rms_kernel(x, stride, out, tokens, eps, C: tl.constexpr, BLOCK: tl.constexpr, ROWS: tl.constexpr):
    token = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    channel = tl.arange(0, BLOCK)[None, :]
    at = token[:, None].to(tl.int64) * stride + channel
    value = tl.load(x + at, mask=(token < tokens)[:, None] & (channel < C), other=0.0).to(tl.float32)
    tl.store(out + token, tl.rsqrt(tl.sum(value * value, axis=1) / C + eps), mask=token < tokens)


@triton.jit
def _read(x, at, weight, factor, head_channel, mask, scale, NORMED: tl.constexpr, RELU: tl.constexpr):
    value = tl.load(x + at, mask=mask, other=0.0).to(tl.float32)
    if NORMED:
        value = value * factor * tl.load(weight + head_channel, mask=mask, other=0.0).to(tl.float32)
    if RELU:
        value = tl.maximum(value, 0.0)
    return value * scale


@triton.jit
def _row_of_matrix(cell, i, along_rows, along_columns, a, b, c, d, real):
    """Row i of each token's matrix times every four (a, b, c, d)."""
    m0 = tl.load(cell + i * along_rows, mask=real, other=0.0)[:, None]
    m1 = tl.load(cell + i * along_rows + along_columns, mask=real, other=0.0)[:, None]
    m2 = tl.load(cell + i * along_rows + 2 * along_columns, mask=real, other=0.0)[:, None]
    m3 = tl.load(cell + i * along_rows + 3 * along_columns, mask=real, other=0.0)[:, None]
    return m0 * a + m1 * b + m2 * c + m3 * d


@triton.jit
def _kernel(
    x, x_frame, x_cell, x_head, out, out_frame, out_cell, out_head, plain, plain_frame, plain_cell, plain_head,
    weight, factors, cos, sin, matrix, along_rows, along_columns, growth, strength,
    rows, per_clip, S, scale,
    A: tl.constexpr, D: tl.constexpr, TURNING: tl.constexpr, FIRST: tl.constexpr, REST: tl.constexpr,
    STRONG: tl.constexpr, NORMED: tl.constexpr, SPATIAL: tl.constexpr, RELU: tl.constexpr, SHRINK: tl.constexpr,
    PLAIN: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    real = row < rows
    token, head = row // A, row % A
    frame, cell = (token // S).to(tl.int64), (token % S).to(tl.int64)
    source = (frame * x_frame + cell * x_cell + head * x_head)[:, None]
    target = (frame * out_frame + cell * out_cell + head * out_head)[:, None]
    aside = (frame * plain_frame + cell * plain_cell + head * plain_head)[:, None]
    gain = (head * D)[:, None]
    factor = tl.zeros([ROWS, 1], tl.float32)
    if NORMED:
        factor = tl.load(factors + token, mask=real, other=0.0)[:, None]
    force = tl.zeros([ROWS], tl.float32) + 1
    if STRONG:
        force = tl.load(strength + row, mask=real, other=0.0)
    before = tl.zeros([ROWS], tl.float32)
    after = tl.zeros([ROWS], tl.float32)

    # the last TURNING channels turn by pairs
    if TURNING:
        channel = tl.arange(0, REST)[None, :] + (D - TURNING)
        inside = real[:, None] & (channel < D)
        rest = _read(x, source + channel, weight, factor, gain + channel, inside, scale, NORMED, RELU)
        if PLAIN:
            tl.store(plain + aside + channel, rest * force[:, None], mask=inside)
        pair = tl.arange(0, REST // 2)[None, :]
        angle = (token % per_clip)[:, None].to(tl.int64) * (TURNING // 2) + pair
        known = real[:, None] & (pair < TURNING // 2)
        c, s = tl.load(cos + angle, mask=known, other=0.0), tl.load(sin + angle, mask=known, other=0.0)
        even, odd = tl.split(tl.reshape(rest, [ROWS, REST // 2, 2]))
        turned = tl.reshape(tl.join(even * c - odd * s, even * s + odd * c), [ROWS, REST])
        before += tl.sum(rest * rest, axis=1)
        after += tl.sum(rest * rest, axis=1)  # a turn keeps lengths
    # those before them are multiplied by the token's matrix, in fours, or stay as they are
    if TURNING < D:
        column = tl.arange(0, FIRST)[None, :]
        within = real[:, None] & (column < D - TURNING)
        first = _read(x, source + column, weight, factor, gain + column, within, scale, NORMED, RELU)
        if PLAIN:
            tl.store(plain + aside + column, first * force[:, None], mask=within)
        before += tl.sum(first * first, axis=1)
        if SPATIAL:
            halves = tl.reshape(first, [ROWS, FIRST // 4, 2, 2])
            ac, bd = tl.split(halves)  # channels 0 and 2, 1 and 3 of each four
            a, c4 = tl.split(ac)
            b, d = tl.split(bd)
            place = matrix + token.to(tl.int64) * 16
            y0 = _row_of_matrix(place, 0, along_rows, along_columns, a, b, c4, d, real)
            y1 = _row_of_matrix(place, 1, along_rows, along_columns, a, b, c4, d, real)
            y2 = _row_of_matrix(place, 2, along_rows, along_columns, a, b, c4, d, real)
            y3 = _row_of_matrix(place, 3, along_rows, along_columns, a, b, c4, d, real)
            first = tl.reshape(tl.join(tl.join(y0, y2), tl.join(y1, y3)), [ROWS, FIRST])
        after += tl.sum(first * first, axis=1)

    shorter = tl.zeros([ROWS], tl.float32) + 1
    if SHRINK:
        shorter = tl.minimum(tl.sqrt((before / D + 1e-6) / (after / D + 1e-6)), 1.0)
        longer, length = tl.maximum(shorter * tl.sqrt(after), 1e-6), tl.maximum(tl.sqrt(before), 1e-6)
        tl.store(growth + row, (longer / length) * (longer / length), mask=real)
    force = force * shorter
    if TURNING:
        tl.store(out + target + channel, turned * force[:, None], mask=inside)  # pyrefly: ignore
    if TURNING < D:
        tl.store(out + target + column, first * force[:, None], mask=within)  # pyrefly: ignore
