"""One folder an operation: reference.py is its definition, triton.py the same for a GPU; __init__.py picks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import torch
from torch import Tensor

_reference_only = False


def fast_for(x: Tensor) -> bool:
    """Whether kernels of our own serve this tensor: it lies on a GPU, Triton is there, and nobody forbids them."""
    return x.is_cuda and not _reference_only and find_spec("triton") is not None


def fast_without_grad(x: Tensor) -> bool:
    """`fast_for`, of kernels that only go forward: no gradients are wanted, and torch.compile is not looking on."""
    return not torch.compiler.is_compiling() and not torch.is_grad_enabled() and fast_for(x)


@contextmanager
def references() -> Iterator[None]:
    """Inside the block plain torch computes everything, on a GPU too: for comparing the two."""
    global _reference_only
    before, _reference_only = _reference_only, True
    try:
        yield
    finally:
        _reference_only = before
