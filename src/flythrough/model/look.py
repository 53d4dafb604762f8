"""Softmax attention chunk by chunk: the visible frames before a chunk, then its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


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
    """
    if torch.is_grad_enabled() and len(looks) > 1:
        return _LookBack.apply(q, k, v, looks, teacher, scale)
    return torch.cat(
        [_attend((q[:, o.begin : o.end], *_keys(k, v, o, teacher)), scale) for o in looks], dim=1
    )


class _LookBack(torch.autograd.Function):
    """Autograd alone would make a gradient as large as all keys for every chunk's slice of them; here they add up in
    place, and each chunk is computed once more on the way back."""

    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, looks: tuple[Look, ...], teacher: bool, scale: float
    ) -> Tensor:
        ctx.save_for_backward(q, k, v)
        ctx.options = looks, teacher, scale
        return look_back(q, k, v, looks, teacher, scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v = ctx.saved_tensors
        looks, teacher, scale = ctx.options
        exact = torch.promote_types(k.dtype, torch.float32)  # many small parts add up
        dq, dk, dv = torch.empty_like(q), torch.zeros_like(k, dtype=exact), torch.zeros_like(v, dtype=exact)
        for look in looks:
            with torch.enable_grad():
                k_seen, v_seen = (x.detach().requires_grad_() for x in _keys(k, v, look, teacher))
                parts = q[:, look.begin : look.end].detach().requires_grad_(), k_seen, v_seen
                out = _attend(parts, scale)
            dq[:, look.begin : look.end], *others = torch.autograd.grad(
                out, parts, gradients[0][:, look.begin : look.end]
            )
            for whole, part in zip((dk, dv), others, strict=True):
                _add_back(whole, part, look, teacher)
        return dq, dk.to(k.dtype), dv.to(v.dtype), None, None, None


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


def _add_back(whole: Tensor, part: Tensor, look: Look, teacher: bool) -> None:
    """The reverse of `_keys`: each frame's gradient to where the frame came from."""
    at = 0
    for a, b in look.seen:
        piece = part[:, at : at + b - a]
        if teacher:
            half = len(whole) // 2
            whole[:half, a:b] += piece[:half] + piece[half:]
        else:
            whole[:, a:b] += piece
        at += b - a
    whole[:, look.own : look.own + look.end - look.begin] += part[:, at:]


def _attend(parts: tuple[Tensor, Tensor, Tensor], scale: float) -> Tensor:
    """Queries (B, n, S, A, D) over keys and values (B, m, S, A, D)."""
    n, S = parts[0].shape[1:3]
    q, k, v = (part.flatten(1, 2).transpose(1, 2) for part in parts)
    y = functional.scaled_dot_product_attention(q, k, v, scale=scale)
    return y.transpose(1, 2).unflatten(1, (n, S))
