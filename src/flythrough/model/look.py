"""Softmax attention chunk by chunk: the visible frames before a chunk, then its own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from flythrough.kernels import fast_for


@dataclass(frozen=True)
class Look:
    """What one chunk sees. Queries begin .. end - 1; of the row of keys the ranges in `seen`, and its own frames.

    own  where the chunk's own frames begin in the row of keys, which may start with frames of earlier calls
    """

    begin: int
    end: int
    seen: tuple[tuple[int, int], ...]
    own: int


def look_back(
    q: Tensor, k: Tensor, v: Tensor, looks: tuple[Look, ...], teacher: bool, scale: float
) -> Tensor:
    """q (B, T, S, A, D); k, v (B, frames, S, A, D) -> (B, T, S, A, D).

    teacher  the batch is [clean | noisy]: both halves see the clean frames before a chunk, and their own in it.
    On a GPU that trains, all chunks are one call: flex_attention skips what the mask hides, and it makes no copy of
    the keys for every chunk.
    """
    if torch.is_grad_enabled() and len(looks) > 1 and fast_for(q):
        return _all_at_once(q, k, v, looks, teacher, scale)
    return torch.cat(
        [_attend((q[:, o.begin : o.end], *_keys(k, v, o, teacher)), scale) for o in looks], dim=1
    )


def _keys(k: Tensor, v: Tensor, look: Look, teacher: bool) -> tuple[Tensor, Tensor]:
    """The keys and values of a chunk, (B, m, S, A, D) each; a view where its frames lie in one piece."""
    end = look.own + look.end - look.begin
    if not teacher and (not look.seen or (len(look.seen) == 1 and look.seen[0][1] == look.own)):
        begin = look.seen[0][0] if look.seen else look.own
        return k[:, begin:end], v[:, begin:end]

    def gathered(row: Tensor) -> Tensor:
        clean = row[: len(row) // 2] if teacher else row
        before = [clean[:, a:b] for a, b in look.seen]
        if teacher:
            before = [torch.cat([part, part]) for part in before]
        return torch.cat([*before, row[:, look.own : end]], dim=1)

    return gathered(k), gathered(v)


def _attend(parts: tuple[Tensor, Tensor, Tensor], scale: float) -> Tensor:
    """Queries (B, n, S, A, D) over keys and values (B, m, S, A, D)."""
    n, S = parts[0].shape[1:3]
    q, k, v = (part.flatten(1, 2).transpose(1, 2) for part in parts)
    y = functional.scaled_dot_product_attention(q, k, v, scale=scale)
    return y.transpose(1, 2).unflatten(1, (n, S))


def _all_at_once(
    q: Tensor, k: Tensor, v: Tensor, looks: tuple[Look, ...], teacher: bool, scale: float
) -> Tensor:
    """Every query over every key under a mask; a clip's clean and noisy frames lie in one row."""
    (B, T, S), frames = q.shape[:3], k.shape[1]
    copies = 2 if teacher else 1

    def row(x: Tensor) -> Tensor:  # (copies B, frames, S, A, D) -> (B, A, copies frames S, D)
        return x.unflatten(0, (copies, -1)).permute(1, 4, 0, 2, 3, 5).flatten(2, 4).contiguous()

    mask = _mask(looks, teacher, copies * T, copies * frames, S, str(q.device))
    y = _flex()(row(q), row(k), row(v), block_mask=mask, scale=scale)
    return (
        y.unflatten(2, (copies, T, S))
        .permute(2, 0, 3, 4, 1, 5)
        .reshape(copies * (B // copies), T, S, *q.shape[3:])
    )


def frame_mask(looks: tuple[Look, ...], teacher: bool, queries: int, keys: int) -> Tensor:
    """Which frame of the queries sees which of the keys, (queries, keys) bool; under `teacher` clean, then noisy."""
    sees = torch.zeros(queries, keys, dtype=torch.bool)
    copies = ((0, 0), (queries // 2, keys // 2)) if teacher else ((0, 0),)
    for look in looks:
        for below, across in copies:
            rows = slice(below + look.begin, below + look.end)
            for begin, end in look.seen:
                sees[rows, begin:end] = True
            sees[rows, across + look.own : across + look.own + look.end - look.begin] = True
    return sees


@lru_cache(maxsize=8)
def _mask(
    looks: tuple[Look, ...], teacher: bool, queries: int, keys: int, cells: int, device: str
) -> Any:  # a BlockMask
    from torch.nn.attention.flex_attention import create_block_mask

    sees = frame_mask(looks, teacher, queries, keys).to(device)

    def allowed(_b: Tensor, _h: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return sees[query // cells, key // cells]

    return create_block_mask(allowed, None, None, queries * cells, keys * cells, device=device)


@lru_cache(maxsize=1)
def _flex() -> Any:
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention, dynamic=False)
