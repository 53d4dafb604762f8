"""Head vectors from a projection to where they are read: normed, turned, converted and laid out in one pass."""

from __future__ import annotations

from torch import Tensor

from flythrough.kernels import fast_without_grad
from flythrough.kernels.lay import reference


def lay(
    out: Tensor,
    x: Tensor,
    rotary: tuple[Tensor, Tensor] | None = None,
    matrix: Tensor | None = None,
    *,
    weight: Tensor | None = None,
    eps: float = 1e-5,
    relu: bool = False,
    scale: float = 1.0,
    shrink: bool = False,
    strength: Tensor | None = None,
    plain: Tensor | None = None,
) -> Tensor | None:
    """As reference.lay, which says what it is; on a GPU by a Triton kernel. It has no gradients."""
    if fast_without_grad(x):
        from flythrough.kernels.lay import triton as chosen
    else:
        chosen = reference
    options = {"weight": weight, "eps": eps, "relu": relu, "scale": scale, "shrink": shrink}
    return chosen.lay(out, x, rotary, matrix, strength=strength, plain=plain, **options)


__all__ = ["lay"]
