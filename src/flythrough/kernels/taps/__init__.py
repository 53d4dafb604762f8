"""A short convolution over time: causal, or both ways inside a chunk."""

from __future__ import annotations

from torch import Tensor

from flythrough.kernels import fast_for, fast_without_grad
from flythrough.kernels.taps import reference


def taps(x: Tensor, weight: Tensor, tail: Tensor | None = None, teacher: bool = False) -> Tensor:
    """As reference.taps, which says what it is; on a GPU, from the start of a flight, by a Triton kernel."""
    if tail is None and fast_for(x):
        from flythrough.kernels.taps import triton

        return triton.taps(x, weight, teacher)
    return reference.taps(x, weight, tail, teacher)


def around(
    x: Tensor, weight: Tensor, bounds: tuple[int, ...], tail: Tensor | None = None, across: bool = True
) -> Tensor:
    """As reference.around, which says what it is; on a GPU, where no gradients are wanted, by a Triton kernel."""
    if fast_without_grad(x):
        from flythrough.kernels.taps import around_triton

        return around_triton.around(x, weight, bounds, tail, across)
    return reference.around(x, weight, bounds, tail, across)


__all__ = ["around", "taps"]
