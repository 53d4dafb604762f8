"""Reference. One pass in place of up to three."""

from __future__ import annotations

from torch import Tensor


def residual(x: Tensor, y: Tensor, *, gate: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    """x + gate * (y + bias); x and y (..., C).

    gate  (C,), or (B, T, 1, C) beside x (B, T, S, C)
    bias  (C,)
    """
    y = y if bias is None else y + bias.to(y.dtype)
    return x + (y if gate is None else gate * y)
