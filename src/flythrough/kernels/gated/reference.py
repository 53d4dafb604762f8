"""Reference. The sum of two branches through a gate."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

EPS = 1e-8


def gated(
    main: Tensor, other: Tensor, gate: Tensor, norm: Tensor | None = None, *, dtype: torch.dtype
) -> Tensor:
    """(main / norm + other) * silu(gate), the product in float32, the result in dtype.

    main (B, T, S, A, D) and norm (B, T, S, A, 1) of any layout; other and gate (B, T, S, A D).
    """
    main = main if norm is None else main / (norm + EPS)
    y = main.flatten(-2).to(dtype) + other
    return (y * functional.silu(gate.float())).to(dtype)
