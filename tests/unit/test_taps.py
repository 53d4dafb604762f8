"""The short convolution over time: a convolution indeed, and its kernel the same there and back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from flythrough.kernels.taps import reference
from tests.interpreter import run_in_interpreter


def compare(
    kernel: Callable[..., Tensor], teacher: bool, dtype: torch.dtype, device: str, clips: int = 2
) -> None:
    """The kernel's results and gradients against the reference's, at odd sizes."""
    x = torch.randn(clips * (1 + teacher), 5, 7, 70, device=device).to(dtype)
    weight, above = torch.randn(70, 4, device=device), torch.randn_like(x)
    results = []
    for function in (lambda x, w: reference.taps(x, w, None, teacher), lambda x, w: kernel(x, w, teacher)):
        leaves = x.clone().requires_grad_(), weight.clone().requires_grad_()
        out = function(*leaves)
        out.backward(above)
        results.append((out, *(leaf.grad for leaf in leaves)))
    rtol, atol = (1e-4, 1e-4) if dtype == torch.float32 else (3e-2, 0.3)
    for expected, ours in zip(*results, strict=True):
        torch.testing.assert_close(ours, expected, rtol=rtol, atol=atol)


CHUNKS = [(0, 7), (0, 3, 4, 7), (0, 1, 2, 3, 4)]


@torch.no_grad()
def compare_around(
    bounds: tuple[int, ...], dtype: torch.dtype, device: str, C: int = 70, frames: int = 1, clips: int = 2
) -> None:
    """Both ways, from a slice of wider channels, with and without frames before."""
    from flythrough.kernels.taps import around_triton

    bounds = tuple(bound * frames for bound in bounds)
    wide = torch.randn(clips, bounds[-1], 5, 3 * C, device=device).to(dtype)
    x, weight = wide[..., C : 2 * C], torch.randn(C, 4, device=device).to(dtype)
    before = torch.randn(clips, 3, 5, C, device=device).to(dtype)
    for tail, across in ((None, True), (before, True), (before, False), (None, False)):
        ours, expected = (
            function(x, weight, bounds, tail, across) for function in (around_triton.around, reference.around)
        )
        rtol, atol = (1e-4, 1e-4) if dtype == torch.float32 else (3e-2, 0.2)
        torch.testing.assert_close(ours, expected, rtol=rtol, atol=atol)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bounds", CHUNKS)
@pytest.mark.parametrize(("C", "frames"), [(70, 1), (2240, 1), (448, 6)])
def test_both_ways_the_kernel_is_the_reference_on_a_gpu(
    C: int, frames: int, bounds: tuple[int, ...], dtype: torch.dtype
) -> None:
    compare_around(bounds, dtype, "cuda", C, frames)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("teacher", [False, True])
@pytest.mark.parametrize("clips", [1, 2])  # a 1 is a constant to the compiler, unless told otherwise
def test_the_kernel_is_the_reference_on_a_gpu(clips: int, teacher: bool, dtype: torch.dtype) -> None:
    from flythrough.kernels.taps import triton

    compare(triton.taps, teacher, dtype, "cuda", clips)


def test_the_kernel_is_the_reference_in_the_interpreter() -> None:
    run_in_interpreter(__file__)


def test_it_is_a_causal_convolution_and_a_tail_is_what_came_before() -> None:
    x, weight = torch.randn(2, 6, 3, 5), torch.randn(5, 4)
    line = x.permute(0, 2, 3, 1).flatten(0, 1)  # (B S, C, T)
    expected = functional.conv1d(functional.pad(line, (3, 0)), weight[:, None], groups=5)
    expected = expected.unflatten(0, (2, 3)).permute(0, 3, 1, 2)
    torch.testing.assert_close(reference.taps(x, weight), expected)
    torch.testing.assert_close(reference.taps(x[:, 4:], weight, x[:, 1:4]), expected[:, 4:])


def test_both_ways_it_looks_ahead_inside_chunks_and_back_as_far_as_it_may() -> None:
    x, weight, tail = torch.randn(2, 6, 3, 5), torch.randn(5, 4), torch.randn(2, 3, 3, 5)
    ahead = [
        reference.taps(part.flip(1), weight).flip(1) - part * weight[:, 3] for part in x.split((4, 2), dim=1)
    ]
    expected = reference.taps(x, weight, tail) + torch.cat(ahead, dim=1)
    torch.testing.assert_close(reference.around(x, weight, (0, 4, 6), tail), expected)
    alone = torch.cat([reference.around(x[:, a:b], weight, (0, b - a)) for a, b in ((0, 4), (4, 6))], dim=1)
    torch.testing.assert_close(reference.around(x, weight, (0, 4, 6), tail, across=False), alone)


if __name__ == "__main__":  # see run_in_interpreter
    from flythrough.kernels.taps import triton

    torch.manual_seed(0)
    for teacher in (False, True):
        for clips in (1, 2):
            compare(triton.taps, teacher, torch.float32, "cpu", clips)
    compare_around((0, 3, 4), torch.float32, "cpu", clips=1)
    compare_around((0, 17), torch.float32, "cpu", C=10, clips=1)
    compare_around((0, 1, 2), torch.bfloat16, "cpu", C=10)
