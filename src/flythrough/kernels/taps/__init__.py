"""A short causal convolution over time."""

from __future__ import annotations

from torch import Tensor

from flythrough.kernels import fast_for
from flythrough.kernels.taps import reference


def taps(x: Tensor, weight: Tensor, tail: Tensor | None = None, teacher: bool = False) -> Tensor:
    """As reference.taps, which says what it is; on a GPU, from the start of a flight, by a Triton kernel."""
    if tail is None and fast_for(x):
        from flythrough.kernels.taps import triton

        return triton.taps(x, weight, teacher)
    return reference.taps(x, weight, tail, teacher)


__all__ = ["taps"]
