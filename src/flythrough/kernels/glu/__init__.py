"""A depthwise convolution between the cells of a frame, one half of whose channels gates the other."""

from __future__ import annotations

from torch import Tensor

from flythrough.kernels import fast_without_grad
from flythrough.kernels.glu import reference


def glu(x: Tensor, grid: tuple[int, int], weight: Tensor, bias: Tensor) -> Tensor:
    """As reference.glu, which says what it is; on a GPU, where no gradients are wanted, by a Triton kernel."""
    if fast_without_grad(x):
        from flythrough.kernels.glu import triton

        return triton.glu(x, grid, weight, bias)
    return reference.glu(x, grid, weight, bias)


__all__ = ["glu"]
