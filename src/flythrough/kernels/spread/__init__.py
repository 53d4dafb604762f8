"""Channels become cells: the step up of a decoder."""

from __future__ import annotations

from torch import Tensor

from flythrough.kernels import fast_without_grad
from flythrough.kernels.spread import reference
from flythrough.kernels.spread.reference import spread


def spread_sum(y: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """As reference.spread_sum, which says what it is; on a GPU, where no gradients are wanted, by a Triton kernel."""
    if fast_without_grad(y):
        from flythrough.kernels.spread import triton

        return triton.spread_sum(y, bias, x)
    return reference.spread_sum(y, bias, x)


__all__ = ["spread", "spread_sum"]
