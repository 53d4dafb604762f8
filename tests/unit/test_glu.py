"""The gated convolution between cells: the kernel is the reference, and neighbours are of the same frame."""

from __future__ import annotations

import pytest
import torch

from flythrough.kernels.glu import reference
from tests.interpreter import run_in_interpreter

SIZES = [(2, 2, 3, 9, 12), (1, 2, 2, 8, 130), (1, 1, 1, 1, 8)]  # B, T, rows, columns, C


@torch.no_grad()
def compare(size: tuple[int, ...], dtype: torch.dtype, device: str) -> None:
    from flythrough.kernels.glu import triton

    B, T, rows, columns, C = size
    x = torch.randn(B, T, rows * columns, 2 * C, device=device).to(dtype)
    weight, bias = torch.randn(2 * C, 1, 3, 3, device=device) / 3, torch.randn(2 * C, device=device)
    given = x, (rows, columns), weight.to(dtype), bias.to(dtype)
    ours, expected = triton.glu(*given), reference.glu(*given)
    rtol, atol = (1e-4, 1e-4) if dtype == torch.float32 else (3e-2, 5e-2)
    torch.testing.assert_close(ours, expected, rtol=rtol, atol=atol)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [*SIZES, (1, 3, 22, 40, 6720)])
def test_the_kernel_is_the_reference_on_a_gpu(size: tuple[int, ...], dtype: torch.dtype) -> None:
    compare(size, dtype, "cuda")


def test_the_kernel_is_the_reference_in_the_interpreter() -> None:
    run_in_interpreter(__file__)


if __name__ == "__main__":  # see run_in_interpreter
    torch.manual_seed(0)
    for size in SIZES:
        compare(size, torch.float32, "cpu")
    compare(SIZES[0], torch.bfloat16, "cpu")
