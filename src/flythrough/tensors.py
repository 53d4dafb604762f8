"""Shapes by name."""

from __future__ import annotations

from torch import Tensor

from flythrough.errors import InputError


def dims(tensor: Tensor, names: str, **expected: int) -> tuple[int, ...]:
    """The tensor's sizes in the order of `names`, such as "B C T H W"; expected sizes by name, such as C=128.

    Raises InputError naming the axis that is wrong.
    """
    axes = names.split()
    if tensor.ndim != len(axes):
        raise InputError(f"a tensor of shape {tuple(tensor.shape)} was given; it needs {len(axes)} axes ({names})")
    for axis, size in zip(axes, tensor.shape, strict=True):
        if axis in expected and size != expected[axis]:
            raise InputError(f"axis {axis} of a tensor {tuple(tensor.shape)} is {size}; it must be {expected[axis]}")
    return tuple(tensor.shape)
