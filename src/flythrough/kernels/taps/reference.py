"""Reference. Every channel of every cell by itself, four taps back in time, or three more ahead."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor


def taps(x: Tensor, weight: Tensor, tail: Tensor | None = None, teacher: bool = False) -> Tensor:
    """out_t = sum over lag 0 .. 3 of weight[:, 3 - lag] * x_(t - lag).

    x        (B, T, S, C)
    weight   (C, 4)
    tail     (B, 3, S, C), the frames before; zeros without
    teacher  the batch is [clean | noisy]: what lies back in time is taken from the clean half for both
    Returns (B, T, S, C). Source: the short convolution of SANA-WM's keys, arXiv 2605.15178.
    """
    known = x[: len(x) // 2] if teacher else x
    before = known.new_zeros(len(known), 3, *known.shape[2:]) if tail is None else tail
    T = x.shape[1]
    row = torch.cat([before, known[:, :-1]], dim=1) if T > 1 else before
    w0, w1, w2, w3 = weight.to(x.dtype).T.contiguous().unbind(0)  # channels side by side, as in x
    past = row[:, :T] * w0 + row[:, 1 : T + 1] * w1 + row[:, 2 : T + 2] * w2
    return x * w3 + (torch.cat([past, past]) if teacher else past)


def around(
    x: Tensor, weight: Tensor, bounds: tuple[int, ...], tail: Tensor | None = None, across: bool = True
) -> Tensor:
    """`taps`, and with the same weights lag 1 .. 3 ahead as far as the frame's chunk goes.

    x (B, T, S, C), weight (C, 4) and tail (B, 3, S, C) as for taps.
    bounds  0 = b0 < b1 < ... = T cut the frames into chunks
    across  whether a frame sees those before its chunk
    Returns (B, T, S, C).
    """
    w = weight.to(x.dtype).T.contiguous()
    before = x.new_zeros(len(x), 3, *x.shape[2:]) if tail is None else tail
    row, out = torch.cat([before, x], dim=1), x * w[3]
    for begin, end in pairwise(bounds):
        for lag in (1, 2, 3):
            first = begin if across else min(begin + lag, end)
            out[:, first:end] += row[:, first + 3 - lag : end + 3 - lag] * w[3 - lag]
            if end - begin > lag:
                out[:, begin : end - lag] += x[:, begin + lag : end] * w[3 - lag]
    return out
