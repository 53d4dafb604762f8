"""Queries and keys of all heads together: normed, then turned by their place, then put where they are read."""

from __future__ import annotations

from torch import Tensor

from flythrough.kernels import fast_without_grad
from flythrough.kernels.rope import reference
from flythrough.kernels.rope.reference import rotate


def norm_rotate(x: Tensor, weight: Tensor, cos: Tensor, sin: Tensor, *, eps: float, split: bool) -> Tensor:
    """As reference.norm_rotate, which says what it is; on a GPU, where no gradients are wanted, by a Triton kernel."""
    if fast_without_grad(x):
        from flythrough.kernels.rope import triton

        return triton.norm_rotate(x, weight, cos, sin, eps=eps, split=split)
    return reference.norm_rotate(x, weight, cos, sin, eps=eps, split=split)


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
    """As reference.remember, which says what it is; on a GPU, where no gradients are wanted, by a Triton kernel."""
    if fast_without_grad(k):
        from flythrough.kernels.rope import triton

        triton.remember(k, v, weight, cos, sin, slots, keys, values, eps=eps, split=split)
    else:
        reference.remember(k, v, weight, cos, sin, slots, keys, values, eps=eps, split=split)


__all__ = ["norm_rotate", "remember", "rotate"]
