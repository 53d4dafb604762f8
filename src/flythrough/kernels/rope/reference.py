"""Reference. From a projection to what attention reads, in one pass."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def rotate(x: Tensor, cos: Tensor, sin: Tensor, *, split: bool) -> Tensor:
    """x (..., A, D) turned; cos and sin broadcast to (..., A, D/2). In float32, back in x's dtype.

    split: channels i and i + D/2 are a pair; else channels 2i and 2i + 1.
    """
    if split:
        a, b = x.float().chunk(2, dim=-1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1).to(x.dtype)
    a, b = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack([a * cos - b * sin, b * cos + a * sin], dim=-1).flatten(-2).to(x.dtype)


def norm_rotate(x: Tensor, weight: Tensor, cos: Tensor, sin: Tensor, *, eps: float, split: bool) -> Tensor:
    """Root-mean-square norm over all heads with a gain, then `rotate`.

    x (B, T, S, C), weight (C,), cos and sin (T, S, A, D/2) float32 -> (B, T, S, A, D).
    Source: queries and keys of LTX-2, arXiv 2601.03233.
    """
    normed = functional.rms_norm(x, x.shape[-1:], weight, eps).unflatten(-1, (cos.shape[-2], -1))
    return rotate(normed, cos, sin, split=split)


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
    """Write norm_rotate(k) and v, both (B, T, S, C), into frames slots (T,) of keys and values (B, slots, S, A, D)."""
    keys.index_copy_(1, slots, norm_rotate(k, weight, cos, sin, eps=eps, split=split))
    values.index_copy_(1, slots, v.unflatten(-1, values.shape[-2:]))
