"""The turn of head vectors: what it keeps, and that the kernel is the reference, there and back."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from flythrough.kernels.turn import reference
from tests.interpreter import run_in_interpreter

CASES = [
    {"relu": True, "scale": 0.2, "shrink": True, "matrix": "from"},
    {"relu": False, "scale": 1.0, "shrink": True, "matrix": "to"},
    {"relu": False, "scale": 1.0, "shrink": False, "matrix": "from"},
    {"relu": True, "scale": 0.5, "shrink": False, "matrix": None},
]


def inputs(D: int, matrix: str | None, dtype: torch.dtype, device: str = "cpu") -> tuple[Tensor, ...]:
    B, T, S, A = 2, 3, 7, 3
    pairs = D // 4 if matrix else D // 2
    angles = torch.randn(T, S, 1, pairs)
    x = torch.randn(B, T, S, A, D).to(dtype)
    rays = torch.eye(4).repeat(B, T, S, 1, 1, 1)
    rays[..., :3, :3] = torch.linalg.qr(torch.randn(B, T, S, 1, 3, 3)).Q
    rays[..., :3, 3] = torch.randn(B, T, S, 1, 3) * 2
    rays = rays.transpose(-1, -2) if matrix == "to" else rays
    return tuple(part.to(device) for part in (x, angles.cos(), angles.sin(), rays))


def compare(turn, D: int, case: dict, dtype: torch.dtype, device: str) -> None:
    """The kernel's results and gradients against the reference's, on fresh inputs."""
    options = {name: case[name] for name in ("relu", "scale", "shrink")}
    x, cos, sin, rays = inputs(D, case["matrix"], dtype, device)
    matrix = rays if case["matrix"] else None
    above = torch.randn(x.shape, device=device)
    results = []
    for function in (reference.turn, turn):
        leaf = x.clone().requires_grad_()
        turned, growth = function(leaf, cos, sin, matrix, **options)
        turned.backward(above)
        assert leaf.grad is not None
        results.append((turned, growth, leaf.grad.float()))
    rtol, atol = (1e-4, 1e-5) if dtype == torch.float32 else (2e-2, 2e-2)
    for expected, ours in zip(*results, strict=True):
        if expected is None:
            assert ours is None
            continue
        torch.testing.assert_close(ours, expected, rtol=rtol, atol=atol)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("D", [24, 64, 112])
def test_the_kernel_is_the_reference_on_a_gpu(D: int, case: dict, dtype: torch.dtype) -> None:
    from flythrough.kernels.turn import triton

    compare(triton.turn, D, case, dtype, "cuda")


def test_the_kernel_is_the_reference_in_the_interpreter() -> None:
    run_in_interpreter(__file__)


def test_lengths_never_grow_and_turning_by_pairs_keeps_them() -> None:
    x, cos, sin, rays = inputs(64, "from", torch.float32)
    turned, growth = reference.turn(x, cos, sin, rays, shrink=True)
    assert growth is not None
    assert (turned.norm(dim=-1) <= x.norm(dim=-1) * (1 + 1e-4)).all()
    torch.testing.assert_close(growth, (turned.norm(dim=-1) / x.norm(dim=-1)).square(), rtol=1e-4, atol=0)

    x, cos, sin, _ = inputs(64, None, torch.float32)
    turned, _ = reference.turn(x, cos, sin)
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))


if __name__ == "__main__":  # see run_in_interpreter
    from flythrough.kernels.turn import triton

    torch.manual_seed(0)
    for case in CASES:
        compare(triton.turn, 24, case, torch.float32, "cpu")
    compare(triton.turn, 64, CASES[0], torch.bfloat16, "cpu")
