"""Shapes by name, tensors in nested values, seeded noise, and with which numbers and threads a machine computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from flythrough.errors import InputError

Nested = TypeVar("Nested")


def dims(tensor: Tensor, names: str, **expected: int) -> tuple[int, ...]:
    """The tensor's sizes in the order of `names`, such as "B C T H W"; expected sizes by name, such as C=128.

    Raises InputError naming the axis that is wrong.
    """
    axes = names.split()
    if tensor.ndim != len(axes):
        raise InputError(
            f"a tensor of shape {tuple(tensor.shape)} was given; it needs {len(axes)} axes ({names})"
        )
    for axis, size in zip(axes, tensor.shape, strict=True):
        if axis in expected and size != expected[axis]:
            raise InputError(
                f"axis {axis} of a tensor {tuple(tensor.shape)} is {size}; it must be {expected[axis]}"
            )
    return tuple(tensor.shape)


def noise(shape: tuple[int, ...], seed: int, index: int = 0) -> Tensor:
    """Standard normal float32 on the CPU: number `index` of the seed's sequence of tensors.

    Each has a generator of its own: a stream that is cut, stored or forked goes on with the same noise.
    """
    mixed = (seed * 0x9E3779B97F4A7C15 + index * 0xBF58476D1CE4E5B9 + 0x94D049BB133111EB) % 2**64
    mixed ^= mixed >> 31
    return torch.randn(shape, generator=torch.Generator().manual_seed(mixed % 2**63))


def best_device() -> torch.device:
    """The first GPU, or the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def best_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies it in hardware, float32 otherwise."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    return torch.bfloat16 if has_bf16_cpu() else torch.float32


def has_bf16_cpu() -> bool:
    """Whether this CPU has AVX512-BF16 or AMX; elsewhere bfloat16 is emulated, slower than float32."""
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # private, so they may go some day
    return any(check() for name in checks if (check := getattr(torch.cpu, name, None)) is not None)


def device_named(name: str | None) -> torch.device:
    """A device by its name, or the best one; raises InputError when this machine has none of that name."""
    if name is None:
        return best_device()
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError):
        raise InputError(f"device is {name!r}, which this machine does not have; cpu always works") from None
    return device


def dtype_named(name: str) -> torch.dtype:
    """A floating-point type by its name; raises InputError for others."""
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if name not in known:
        raise InputError(f"dtype is {name!r}; it must be {', '.join(known)}")
    return known[name]


def tensors_in(value: Any) -> Iterator[Tensor]:
    """All tensors in nested tuples, lists and dataclasses, in order."""
    if isinstance(value, Tensor):
        yield value
    elif is_dataclass(value):
        yield from tensors_in([getattr(value, field.name) for field in fields(value)])
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from tensors_in(part)


def with_tensors(value: Nested, tensors: Iterator[Tensor]) -> Nested:
    """A copy of the same nesting that holds other tensors, in the order of `tensors_in`."""
    if isinstance(value, Tensor):
        return next(tensors)  # pyrefly: ignore[bad-return]
    if is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: with_tensors(getattr(value, field.name), tensors) for field in fields(value)}
        return replace(value, **parts)
    if isinstance(value, (tuple, list)):
        return type(value)(with_tensors(part, tensors) for part in value)  # pyrefly: ignore
    return value


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Have operations on the CPU use so many threads, in the block and of the thread that is in it."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
