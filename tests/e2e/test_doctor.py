"""`flythrough doctor` and `flythrough bench`, as far as a machine without a GPU has something to say."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from flythrough.memory import needed, stages
from tests.command import flythrough


def test_the_doctor_speaks_of_every_model_and_changes_nothing(tmp_path: Path) -> None:
    done = flythrough(tmp_path, "doctor")
    assert done.returncode == 0, done.stderr
    for name in ("mini", "sana-wm", "sana-wm-chunk-causal", "sana-wm-streaming"):
        assert f"model {name} " in done.stdout
    assert "is part of flythrough" in done.stdout
    assert not list(tmp_path.iterdir())


def test_what_a_model_needs_is_more_than_its_weights_and_less_without_its_refiner() -> None:
    parameters = {stage.name: stage.parameters for stage in stages("sana-wm-streaming")}
    assert parameters["transformer"] == 2_661_800_448
    assert parameters["refiner"] == 13_041_520_768
    weights = 2 * sum(parameters[name] for name in ("transformer", "refiner", "autoencoder"))
    assert needed("sana-wm-streaming", torch.bfloat16) > weights
    assert needed("sana-wm-streaming", torch.bfloat16, refine=False) < weights


def test_a_bench_of_mini_writes_its_numbers(tmp_path: Path) -> None:
    done = flythrough(tmp_path, "bench", "--frames", "9", "--out", "bench.json")
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "bench.json").read_text())["rows"]
    seconds = {row["who"].strip(): row["seconds"] for row in rows}
    assert list(seconds)[1:] == ["flythrough, mini", "model", "decode"]
    assert 0 < max(seconds["model"], seconds["decode"]) < seconds["flythrough, mini"]


def test_a_bench_that_needs_a_gpu_says_so(tmp_path: Path) -> None:
    done = flythrough(tmp_path, "bench", "--parts", "refine", "--device", "cpu")
    assert done.returncode == 2
    assert "need a GPU" in done.stderr
