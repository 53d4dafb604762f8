"""Golden vectors of other implementations: ../shared/vectors beside the repository. Absent, tests skip."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "vectors"


@dataclass(frozen=True)
class Case:
    """One golden case: its config, and its tensors by the names in case.json, read when first asked for."""

    name: str
    kind: str
    config: dict[str, Any]
    tolerance: float

    @property
    def inputs(self) -> dict[str, Tensor]:
        return self._tensors["in"]

    @property
    def outputs(self) -> dict[str, Tensor]:
        return self._tensors["out"]

    @property
    def weights(self) -> dict[str, Tensor]:
        return self._tensors["w"]

    @cached_property
    def _tensors(self) -> dict[str, dict[str, Tensor]]:
        from safetensors.torch import load_file

        groups: dict[str, dict[str, Tensor]] = {"in": {}, "out": {}, "w": {}}
        for key, value in load_file(FOLDER / self.name / "tensors.safetensors").items():
            prefix, rest = key.split(".", 1)
            groups[prefix][rest] = value
        return groups

    def __str__(self) -> str:
        return self.name


def cases(*kinds: str) -> list[Any]:
    """All cases of these kinds as pytest parameters; one skipped parameter where the folder is missing.

    @pytest.mark.parametrize("case", cases("keys"))
    """
    found = [name for name, kind in _kinds().items() if kind in kinds]
    if not found:
        return [pytest.param(None, id="absent", marks=pytest.mark.skip(reason="no golden vectors here"))]
    return [pytest.param(load(name), id=name) for name in found]


def load(name: str) -> Case:
    """One case by its folder's name."""
    about = json.loads((FOLDER / name / "case.json").read_text())
    return Case(name, about["kind"], about["config"], about["tolerance"])


def error(ours: Tensor, expected: Tensor) -> float:
    """max |ours - expected| / max |expected|, as the vectors define it."""
    assert ours.shape == expected.shape, f"shape {tuple(ours.shape)}, expected {tuple(expected.shape)}"
    scale = expected.double().abs().max().clamp(min=1e-30)
    return float((ours.double() - expected.double()).abs().max() / scale)


def assert_matches(ours: Tensor, case: Case, name: str) -> None:
    """Fail unless this output of the case is met within the case's tolerance."""
    assert not torch.isnan(ours).any(), f"{case.name}: {name} has NaN"
    off = error(ours, case.outputs[name])
    assert off <= case.tolerance, f"{case.name}: {name} is off by {off:.2e}, tolerance {case.tolerance:.0e}"


@cache
def _kinds() -> dict[str, str]:
    if not FOLDER.is_dir():
        return {}
    files = sorted(FOLDER.glob("*/case.json"))
    return {file.parent.name: json.loads(file.read_text())["kind"] for file in files}
