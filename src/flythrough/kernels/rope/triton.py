"""`norm_rotate` and `remember` as one Triton kernel; reference.py defines them. Inference only; sums are float32.

A program has one token: all of its channels, for the norm goes over them all.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor


def norm_rotate(x: Tensor, weight: Tensor, cos: Tensor, sin: Tensor, *, eps: float, split: bool) -> Tensor:
    """As reference.norm_rotate."""
    x, A = x.contiguous(), cos.shape[-2]
    out = torch.empty_like(x).unflatten(-1, (A, -1))
    _launch(x, None, weight, cos, sin, None, out, None, eps, split)
    return out


def remember(
    k: Tensor,
    v: Tensor,
    weight: Tensor,
    cos: Tensor,
    sin: Tensor,
    slots: Tensor,
    keys: Tensor,
    values: Tensor,
    *,
    eps: float,
    split: bool,
) -> None:
    """As reference.remember."""
    assert keys.is_contiguous()
    assert values.is_contiguous()
    _launch(k.contiguous(), v.contiguous(), weight, cos, sin, slots, keys, values, eps, split)


def _launch(
    x: Tensor,
    other: Tensor | None,
    weight: Tensor,
    cos: Tensor,
    sin: Tensor,
    slots: Tensor | None,
    out: Tensor,
    other_out: Tensor | None,
    eps: float,
    split: bool,
) -> None:
    B, T, S, C = x.shape
    block = triton.next_power_of_2(C // 2)
    _kernel[(B * T * S,)](
        x, x if other is None else other, weight, cos.contiguous(), sin.contiguous(), x if slots is None else slots,
        out, out if other_out is None else other_out, T, S, out.shape[1], eps,
        C=C, HALF=out.shape[-1] // 2, BLOCK=block, SPLIT=split, PLACED=slots is not None, BOTH=other is not None,
        num_warps=4 if block < 1024 else 8,
    )  # fmt: skip


@triton.jit
def _kernel(
    x, other, weight, cos, sin, slots, out, other_out, T, S, held, eps,
    C: tl.constexpr, HALF: tl.constexpr, BLOCK: tl.constexpr,
    SPLIT: tl.constexpr, PLACED: tl.constexpr, BOTH: tl.constexpr,
):  # fmt: skip
    token = tl.program_id(0)
    place = token % (T * S)
    clip, frame, cell = token // (T * S), place // S, place % S
    source, target = token.to(tl.int64) * C, token.to(tl.int64) * C
    if PLACED:
        target = ((clip * held + tl.load(slots + frame)) * S + cell).to(tl.int64) * C
    pair = tl.arange(0, BLOCK)
    real = pair < C // 2
    if SPLIT:
        first = pair + pair // HALF * HALF
        second = first + HALF
    else:
        first = 2 * pair
        second = first + 1
    a = tl.load(x + source + first, mask=real, other=0.0).to(tl.float32)
    b = tl.load(x + source + second, mask=real, other=0.0).to(tl.float32)
    factor = tl.rsqrt((tl.sum(a * a, axis=0) + tl.sum(b * b, axis=0)) / C + eps)
    a = a * factor * tl.load(weight + first, mask=real, other=0.0).to(tl.float32)
    b = b * factor * tl.load(weight + second, mask=real, other=0.0).to(tl.float32)
    angle = place.to(tl.int64) * (C // 2) + pair
    c, s = tl.load(cos + angle, mask=real, other=0.0), tl.load(sin + angle, mask=real, other=0.0)
    tl.store(out + target + first, a * c - b * s, mask=real)
    tl.store(out + target + second, b * c + a * s, mask=real)
    if BOTH:
        tl.store(other_out + target + first, tl.load(other + source + first, mask=real, other=0.0), mask=real)
        tl.store(
            other_out + target + second, tl.load(other + source + second, mask=real, other=0.0), mask=real
        )
