"""Where a head's vector is: activation, rotation by place and ray, and the length kept."""

from __future__ import annotations

from torch import Tensor

from flythrough.kernels import fast_for
from flythrough.kernels.turn import reference


def turn(
    x: Tensor,
    cos: Tensor,
    sin: Tensor,
    matrix: Tensor | None = None,
    *,
    relu: bool = False,
    scale: float = 1.0,
    shrink: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """As reference.turn, which says what it is; on a GPU by a Triton kernel."""
    if fast_for(x):
        from flythrough.kernels.turn import triton

        return triton.turn(x, cos, sin, matrix, relu=relu, scale=scale, shrink=shrink)
    return reference.turn(x, cos, sin, matrix, relu=relu, scale=scale, shrink=shrink)


__all__ = ["turn"]
