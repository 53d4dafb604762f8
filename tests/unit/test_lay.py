"""Head vectors laid where they are wanted, and branches joined: the kernels are their references."""

from __future__ import annotations

import itertools
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from flythrough.conditioning import Conditioning
from flythrough.kernels import references
from flythrough.kernels.gated import reference as gated_reference
from flythrough.kernels.lay import reference
from tests.interpreter import run_in_interpreter
from tests.unit import test_transformer as tiny
from tests.unit.test_turn import inputs

CASES = [
    {"rotary": True, "matrix": "to", "normed": True, "relu": True, "scale": 0.2, "shrink": True},
    {"rotary": True, "matrix": "from", "normed": False, "relu": False, "scale": 1.0, "shrink": False},
    {"rotary": True, "matrix": None, "normed": True, "relu": True, "scale": 0.5, "shrink": False},
    {"rotary": False, "matrix": None, "normed": False, "relu": False, "scale": 1.0, "shrink": False},
]
LAYOUTS = ["heads first", "half", "rows"]


def tolerance(dtype: torch.dtype) -> dict[str, Any]:
    return {"rtol": 1e-4, "atol": 1e-4} if dtype == torch.float32 else {"rtol": 2e-2, "atol": 5e-2}


def room(x: Tensor, layout: str) -> Tensor:
    """Float32 memory with the heads first, or half of such, or memory of x's own layout and dtype; NaN where free."""
    B, T, S, A, D = x.shape
    if layout == "rows":
        return x.new_full((B, T, S, A, D), float("nan"))
    copies = 2 if layout == "half" else 1
    whole = torch.full((B, T, copies * A, S, D), float("nan"), device=x.device).transpose(2, 3)
    return whole[..., (copies - 1) * A :, :]


@torch.no_grad()
def compare_lay(D: int, case: dict, layout: str, dtype: torch.dtype, device: str) -> None:
    """Out of a slice of a wider projection, or out of memory with the heads first."""
    from flythrough.kernels.lay import triton

    x, cos, sin, rays = inputs(D, case["matrix"], dtype, device)
    A = x.shape[3]
    if case["normed"]:
        wide = torch.randn(*x.shape[:3], 3 * A * D, device=device).to(dtype)
        x = wide[..., A * D : 2 * A * D].unflatten(-1, (A, D))
    else:
        x = x.transpose(2, 3).contiguous().transpose(2, 3)
    weight = torch.randn(A * D, device=device).to(dtype) if case["normed"] else None
    options = {name: case[name] for name in ("relu", "scale", "shrink")} | {"weight": weight}
    options["strength"] = torch.rand(x.shape[:4], device=device) if case["relu"] else None
    results = []
    for function in (triton.lay, reference.lay):
        out, plain = room(x, layout), room(x, "half")
        rotary, matrix = (cos, sin) if case["rotary"] else None, rays if case["matrix"] else None
        growth = function(out, x, rotary, matrix, plain=plain if case["relu"] else None, **options)
        results.append((out, plain if case["relu"] else out, growth))
    for ours, expected in zip(*results, strict=True):
        if expected is None:
            assert ours is None
            continue
        torch.testing.assert_close(ours, expected, **tolerance(dtype))


@torch.no_grad()
def compare_gated(D: int, dtype: torch.dtype, device: str) -> None:
    from flythrough.kernels.gated import triton

    B, T, S, A = 2, 3, 5, 3
    main = torch.randn(B, T, 2 * A, S, D, device=device).transpose(2, 3)[..., :A, :]
    norm = torch.rand(B, T, A, S, 1, device=device).transpose(2, 3) + 0.1
    other, gate = torch.randn(2, B, T, S, A * D, device=device).to(dtype)
    looked = torch.randn(B, A, T * S, D, device=device).to(dtype).transpose(1, 2).unflatten(1, (T, S))
    for given in ((main, other, gate, norm), (looked, other, gate)):
        ours, expected = (function(*given, dtype=dtype) for function in (triton.gated, gated_reference.gated))
        torch.testing.assert_close(ours, expected, **tolerance(dtype))


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("D", [24, 64, 112])
def test_the_kernel_is_the_reference_on_a_gpu(D: int, case: dict, layout: str, dtype: torch.dtype) -> None:
    compare_lay(D, case, layout, dtype, "cuda")


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("D", [24, 64, 112])
def test_branches_join_on_a_gpu_as_in_the_reference(D: int, dtype: torch.dtype) -> None:
    compare_gated(D, dtype, "cuda")


@pytest.mark.parametrize("bounds", [(0, 6), (0, 2, 3, 6), tuple(range(7))])
@pytest.mark.parametrize("across", [True, False])
def test_without_gradients_a_model_says_the_same(across: bool, bounds: tuple[int, ...]) -> None:
    model = tiny.randomised(replace(tiny.TINY, camera_conv_across_chunks=across))
    latents, timestep, cond = tiny.inputs(frames=6, batch=2)
    expected = model(latents, timestep, cond, bounds=bounds)
    with torch.no_grad():
        ours, state = model(latents, timestep, cond, bounds=bounds), model.new_state()
        parts = [
            model(
                latents[:, :, a:b],
                timestep[:, a:b],
                cond.frames(slice(a, b)),
                bounds=(0, b - a),
                state=state,
                save=True,
            )
            for a, b in pairwise(bounds)
        ]
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(torch.cat(parts, dim=2), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.gpu
@pytest.mark.parametrize("bounds", [(0, 6), (0, 2, 3, 6), tuple(range(7))])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_model_on_a_gpu_says_the_same_with_kernels_and_without(
    dtype: torch.dtype, bounds: tuple[int, ...]
) -> None:
    model = tiny.randomised().to("cuda", dtype)
    latents, timestep, cond = tiny.inputs(frames=6, batch=2, rows=5, columns=7)
    cond = Conditioning(**{name: part.cuda() for name, part in vars(cond).items()})
    given = latents.cuda(), timestep.cuda(), cond
    with torch.no_grad():
        ours = model(*given, bounds=bounds)
        with references():
            expected = model(*given, bounds=bounds)
    limit = 2e-3 if dtype == torch.float32 else 6e-2
    assert (ours - expected).norm() < limit * expected.norm()


def test_the_kernels_are_the_references_in_the_interpreter() -> None:
    run_in_interpreter(__file__)


if __name__ == "__main__":  # see run_in_interpreter
    torch.manual_seed(0)
    for case, layout in zip(CASES, itertools.cycle(LAYOUTS), strict=False):
        compare_lay(24, case, layout, torch.float32, "cpu")
    compare_lay(16, CASES[0], "rows", torch.bfloat16, "cpu")
    compare_gated(24, torch.float32, "cpu")
    compare_gated(8, torch.bfloat16, "cpu")
