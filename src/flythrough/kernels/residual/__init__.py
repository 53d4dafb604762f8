"""What a layer has found out is added to what came in."""

from __future__ import annotations

from torch import Tensor

from flythrough.kernels import fast_without_grad
from flythrough.kernels.residual import reference


def residual(x: Tensor, y: Tensor, *, gate: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    """As reference.residual, which says what it is; on a GPU, where no gradients are wanted, by a Triton kernel."""
    if fast_without_grad(x):
        from flythrough.kernels.residual import triton

        return triton.residual(x, y, gate=gate, bias=bias)
    return reference.residual(x, y, gate=gate, bias=bias)


__all__ = ["residual"]
