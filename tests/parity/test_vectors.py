"""Golden vectors of other implementations: ../shared/vectors beside the repository. Absent, the tests skip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from flythrough.verify import Case, Machine, found, run

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "vectors"


def cases() -> list[Any]:
    if not FOLDER.is_dir():
        return [pytest.param(None, id="absent", marks=pytest.mark.skip(reason="no golden vectors here"))]
    return [pytest.param(case, id=case.name) for case in found(FOLDER)]


@pytest.mark.parametrize("case", cases())
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_what_others_compute_is_what_we_compute(case: Case, dtype: torch.dtype) -> None:
    results = list(run(case, Machine(torch.device("cpu"), dtype)))
    assert {result.output for result in results} == set(case.outputs)
    for result in results:
        assert result.passed, (
            f"{result.output} is off by {result.error:.1e}, tolerance {result.tolerance:.0e}"
        )
