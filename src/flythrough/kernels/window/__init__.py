"""What a convolution over frames runs over: frames kept from before, new ones normed, and a border."""

from __future__ import annotations

from torch import Tensor

from flythrough.kernels import fast_without_grad
from flythrough.kernels.window import reference
from flythrough.kernels.window.reference import mirrored, norm_silu


def window(
    x: Tensor,
    past: Tensor | None = None,
    bias: Tensor | None = None,
    *,
    lead: int = 2,
    closing: bool = False,
    normed: bool = True,
    border: bool = True,
) -> tuple[Tensor, Tensor]:
    """As reference.window, which says what it is; on a GPU, where no gradients are wanted, by a Triton kernel."""
    if fast_without_grad(x):
        from flythrough.kernels.window import triton

        return triton.window(x, past, bias, lead=lead, closing=closing, normed=normed, border=border)
    return reference.window(x, past, bias, lead=lead, closing=closing, normed=normed, border=border)


__all__ = ["mirrored", "norm_silu", "window"]
