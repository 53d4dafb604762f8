"""A norm, then a scale and a shift from outside."""

from __future__ import annotations

from torch import Tensor

from flythrough.kernels import fast_without_grad
from flythrough.kernels.modulate import reference


def modulate(x: Tensor, shift: Tensor, scale: Tensor, *, eps: float, centred: bool) -> Tensor:
    """As reference.modulate, which says what it is; on a GPU, where no gradients are wanted, by a Triton kernel."""
    if fast_without_grad(x):
        from flythrough.kernels.modulate import triton

        return triton.modulate(x, shift, scale, eps=eps, centred=centred)
    return reference.modulate(x, shift, scale, eps=eps, centred=centred)


__all__ = ["modulate"]
