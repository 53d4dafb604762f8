"""`flythrough evaluate`, as a user runs it, on one world."""

from __future__ import annotations

import json
import math
from pathlib import Path

from PIL import Image

from tests.command import flythrough


def test_figures_come_as_a_table_as_json_and_as_a_picture(tmp_path: Path) -> None:
    words = ("--seeds", "7:8", "--parts", "truth,back", "--processes", "2", "--out", "report.json")
    done = flythrough(tmp_path, "evaluate", "mini", *words)

    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["about"]["seeds"] == [7]
    assert set(report["about"]["seconds"]) == {"truth", "back"}
    assert [figure["section"] for figure in report["figures"]] == ["truth"] * 9 + ["back"] * 2
    for figure in report["figures"]:
        assert figure["name"] in done.stdout
        assert math.isfinite(figure["value"]) or "seen" in figure["name"]
    with Image.open(tmp_path / "report.png") as sheet:
        assert sheet.width > 448
    assert {file.name for file in tmp_path.iterdir()} == {"report.json", "report.png"}
