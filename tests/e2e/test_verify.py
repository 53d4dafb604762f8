"""`flythrough verify`: passes what is right, fails what is not, and refuses what is no vector."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file

from flythrough.sampling.schedules import flow_match_sigmas
from tests.command import flythrough


def case(folder: Path, **changes: Any) -> Path:
    """A case of our own: three sigmas."""
    folder.mkdir()
    about = {"name": "sigmas", "kind": "sigmas", "config": {"shift": 9.8, "steps": [3]}, "tolerance": 1e-6}
    (folder / "case.json").write_text(json.dumps(about | changes))
    save_file({"out.sigmas_3": flow_match_sigmas(3, 9.8)}, folder / "tensors.safetensors")
    return folder


def test_a_right_case_passes(tmp_path: Path) -> None:
    case(tmp_path / "right")
    done = flythrough(tmp_path, "verify", ".")
    assert done.returncode == 0
    assert "1 of 1 outputs of 1 cases pass" in done.stdout


def test_a_wrong_output_and_one_that_is_never_computed_fail(tmp_path: Path) -> None:
    wrong = case(tmp_path / "wrong")
    save_file({"out.sigmas_3": flow_match_sigmas(3, 9.7)}, wrong / "tensors.safetensors")
    more = case(tmp_path / "more")
    sigmas = flow_match_sigmas(3, 9.8)
    save_file({"out.sigmas_3": sigmas, "out.sigmas_4": sigmas.clone()}, more / "tensors.safetensors")
    done = flythrough(tmp_path, "verify", ".")
    assert done.returncode == 1
    assert "1 of 3 outputs of 2 cases pass" in done.stdout


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"kind": "dreams"}, "kind is 'dreams'"), ({"tolerance": "small"}, "no readable case.json")],
)
def test_what_is_no_vector_is_refused(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    done = flythrough(case(tmp_path / "strange", **changes), "verify", ".")
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_without_vectors_is_refused(tmp_path: Path) -> None:
    done = flythrough(tmp_path, "verify", ".")
    assert done.returncode == 2
    assert "holds no golden vectors" in done.stderr
