"""The gated delta rule over frames: what a frame does to the memory, and the scan that chains frames."""

from __future__ import annotations

import torch
from torch import Tensor

from flythrough.kernels import fast_for, fast_without_grad
from flythrough.kernels.gdn import reference
from flythrough.kernels.gdn.reference import frame_updates


def scan(transition: Tensor, write: Tensor, before: Tensor | None = None) -> Tensor:
    """As reference.scan, which says what it is; on a GPU by Triton kernels."""
    if write.dtype == torch.float32 and fast_for(write):
        from flythrough.kernels.gdn import triton

        if write.shape[-1] <= triton.LARGEST:
            return triton.scan(transition, write, before)
    return reference.scan(transition, write, before)


def around(
    transition: Tensor, write: Tensor, bounds: tuple[int, ...], before: Tensor | None = None
) -> Tensor:
    """As reference.around, which says what it is; on a GPU, where no gradients are wanted, by Triton kernels."""
    if write.dtype == torch.float32 and fast_without_grad(write):
        from flythrough.kernels.gdn import triton

        if write.shape[-1] <= triton.LARGEST:
            return triton.around(transition, write, bounds, before)
    return reference.around(transition, write, bounds, before)


__all__ = ["around", "frame_updates", "scan"]
