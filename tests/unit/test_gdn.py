"""The scan over frames: the reference and the kernels are the recurrence, there and back."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from flythrough.kernels.gdn import reference
from tests.interpreter import run_in_interpreter

CASES = [
    (T, R, begun) for T in (1, 5) for R in (1, 24) for begun in (False, True)
]  # R: values, or the normaliser
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}  # relative to the largest number


def inputs(T: int, R: int, D: int, begun: bool) -> list[Tensor]:
    """transition, write and, if begun, before, in float64."""
    B, A = 2, 3
    transition = torch.eye(D, dtype=torch.float64) * 0.5 + torch.randn(B, T, A, D, D).double() * 0.3 / D**0.5
    parts = [transition, torch.randn(B, T, A, R, D).double(), torch.randn(B, A, R, D).double()]
    return parts if begun else parts[:2]


def by_definition(transition: Tensor, write: Tensor, before: Tensor | None = None) -> Tensor:
    state = torch.zeros_like(write[:, 0]) if before is None else before
    states = []
    for t in range(write.shape[1]):
        state = state @ transition[:, t] + write[:, t]
        states.append(state)
    return torch.stack(states, 1)


def compare(
    scan: Callable[..., Tensor], case: tuple[int, int, bool], D: int, dtype: torch.dtype, device: str
) -> None:
    """States and gradients against the recurrence in float64."""
    T, R, begun = case
    parts = inputs(T, R, D, begun)
    above = torch.randn_like(parts[1])
    results = []
    for function, kind, place in ((by_definition, torch.float64, "cpu"), (scan, dtype, device)):
        leaves = [part.to(place, kind, copy=True).requires_grad_() for part in parts]
        states = function(*leaves)
        results.append(
            [states, *torch.autograd.grad(states, leaves, above.to(states), materialize_grads=True)]
        )
    for expected, ours in zip(*results, strict=True):
        largest = float(expected.detach().abs().max())
        torch.testing.assert_close(ours.cpu().double(), expected, rtol=0, atol=TOLERANCE[dtype] * largest)


@torch.no_grad()
def compare_around(
    around: Callable[..., Tensor], bounds: tuple[int, ...], case: tuple[int, int, bool], D: int, device: str
) -> None:
    """Chunk by chunk, by the recurrence in float64: forwards over all, backwards from the chunk's second frame on."""
    T, R, begun = case
    parts = inputs(T, R, D, begun)
    transition, write = parts[:2]
    expected = by_definition(*parts)
    for begin, end in pairwise(bounds):
        back = by_definition(transition[:, begin:end].flip(1), write[:, begin:end].flip(1)).flip(1)
        expected[:, begin : end - 1] += back[:, 1:]
    transition, write, *before = (part.to(device, torch.float32) for part in parts)
    ours = around(transition, write, bounds, *before)
    torch.testing.assert_close(ours.cpu().double(), expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


AROUND = [
    ((0, 5), (5, 24, False)),
    ((0, 2, 3, 6), (6, 24, True)),
    ((0, 1, 2), (2, 1, True)),
    ((0, 4), (4, 1, True)),
]


@pytest.mark.parametrize(("bounds", "case"), AROUND)
def test_both_ways_the_reference_is_two_recurrences(
    bounds: tuple[int, ...], case: tuple[int, int, bool]
) -> None:
    compare_around(reference.around, bounds, case, 24, "cpu")


@pytest.mark.gpu
@pytest.mark.parametrize(("bounds", "case"), AROUND)
@pytest.mark.parametrize("D", [16, 24, 64, 112])
def test_both_ways_the_kernels_are_two_recurrences_on_a_gpu(
    D: int, bounds: tuple[int, ...], case: tuple[int, int, bool]
) -> None:
    from flythrough.kernels.gdn import triton

    compare_around(triton.around, bounds, case, D, "cuda")


def test_what_is_the_same_for_all_cells_may_be_said_once() -> None:
    k, v, decay = torch.randn(2, 7, 5), torch.randn(2, 7, 3), torch.rand(2)
    beta = torch.rand(2, 1)
    once, each = (
        reference.frame_updates(k, v, beta, decay),
        reference.frame_updates(k, v, beta.expand(2, 7), decay),
    )
    for mine, wanted in zip(once, each, strict=True):
        torch.testing.assert_close(mine, wanted)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("case", CASES)
def test_the_reference_is_the_recurrence(case: tuple[int, int, bool], dtype: torch.dtype) -> None:
    compare(reference.scan, case, 24, dtype, "cpu")


@pytest.mark.gpu
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("D", [16, 24, 32, 64, 112, 128])
def test_the_kernels_are_the_recurrence_on_a_gpu(D: int, case: tuple[int, int, bool]) -> None:
    from flythrough.kernels.gdn import triton

    compare(triton.scan, case, D, torch.float32, "cuda")


def test_the_kernels_are_the_recurrence_in_the_interpreter() -> None:
    run_in_interpreter(__file__)


def test_a_scan_goes_on_where_the_last_one_stopped() -> None:
    transition, write, before = inputs(7, 5, 16, begun=True)
    whole = reference.scan(transition, write, before)
    head = reference.scan(transition[:, :3], write[:, :3], before)
    tail = reference.scan(transition[:, 3:], write[:, 3:], head[:, -1])
    torch.testing.assert_close(torch.cat([head, tail], dim=1), whole)


if __name__ == "__main__":  # see run_in_interpreter
    from flythrough.kernels.gdn import triton

    torch.manual_seed(0)
    for case in CASES:
        compare(triton.scan, case, 16, torch.float32, "cpu")
    compare(triton.scan, (3, 24, True), 24, torch.float32, "cpu")  # padded to 32
    for bounds, case in AROUND[1:3]:
        compare_around(triton.around, bounds, case, 16, "cpu")
