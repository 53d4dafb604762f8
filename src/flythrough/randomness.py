"""Random weights for models of any size: to measure speed, memory and plumbing before anything is downloaded."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

Module = TypeVar("Module", bound=nn.Module)


@torch.no_grad()
def random_module(
    build: Callable[[], Module], device: torch.device, dtype: torch.dtype, seed: int = 0
) -> Module:
    """Build a module without memory, then fill it on the device, tensor by tensor, in its final dtype.

    Matrices and kernels keep the size of what goes through them (deviation 1 / sqrt(inputs)); gains are near 1,
    biases near 0; no branch is zero. Means of latents are 0 and deviations 1.
    The same seed gives the same weights on the same kind of device.
    """
    with torch.device("meta"):
        module = build()
    generator = torch.Generator(device).manual_seed(seed)
    for name, parameter in list(module.named_parameters()):
        owner, leaf = _owner(module, name)
        filled = torch.empty(parameter.shape, dtype=dtype, device=device)
        if parameter.ndim > 1:
            filled.normal_(0, 1 / math.sqrt(max(1, parameter[0].numel())), generator=generator)
        elif "norm" in name and leaf == "weight":
            filled.normal_(1, 0.02, generator=generator)
        else:
            filled.normal_(0, 0.02, generator=generator)
        setattr(owner, leaf, nn.Parameter(filled, requires_grad=False))
    for name, buffer in list(module.named_buffers()):
        if buffer.is_meta:
            owner, leaf = _owner(module, name)
            fill = torch.ones if leaf.endswith("std") else torch.zeros
            owner.register_buffer(leaf, fill(buffer.shape, dtype=buffer.dtype, device=device))
    return module.eval()


def _owner(module: nn.Module, name: str) -> tuple[nn.Module, str]:
    path, _, leaf = name.rpartition(".")
    return module.get_submodule(path), leaf
