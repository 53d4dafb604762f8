"""How the branches of an attention join."""

from __future__ import annotations

import torch
from torch import Tensor

from flythrough.kernels import fast_without_grad
from flythrough.kernels.gated import reference


def gated(
    main: Tensor, other: Tensor, gate: Tensor, norm: Tensor | None = None, *, dtype: torch.dtype
) -> Tensor:
    """As reference.gated, which says what it is; on a GPU, where no gradients are wanted, by a Triton kernel."""
    if fast_without_grad(main):
        from flythrough.kernels.gated import triton

        return triton.gated(main, other, gate, norm, dtype=dtype)
    return reference.gated(main, other, gate, norm, dtype=dtype)


__all__ = ["gated"]
