"""Bad input: exit code 2, exactly one line on stderr that names what is wrong, and nothing left behind."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from flythrough.cli import main
from tests.command import flythrough

FAULTS = {
    # what the user types after `flythrough`: a word that the message must contain
    "generate --image absent.png --camera w-8": "absent.png",
    "generate --image text.png --camera w-8": "text.png",
    "generate --image cut.png --camera w-8": "cut.png",
    "generate --image tiny.png --camera w-8": "8x8",
    "generate --camera ''": "keys",
    "generate --camera w-8,x-4": "x-4",
    "generate --camera w-8,d": "'d'",
    "generate --camera w-0": "w-0",
    "generate --camera w-8, --keys sana-wm": "segment",
    "generate --camera w-8 --keys klingon": "klingon",
    "generate --camera orbit:radius=far": "radius",
    "generate --camera absent.json": "absent.json",
    "generate --camera shape.npy": "shape.npy",
    "generate --camera mirrored.npy": "mirrored",
    "generate --camera sheared.npy": "sheared.npy",
    "generate --camera nan.npy": "nan.npy",
    "generate --camera broken.json": "broken.json",
    "generate --camera wide.json": "field of view",
    "generate --camera w-8 --fov 24": "fov",
    "generate --camera w-8 --fov 121": "fov",
    "generate --camera w-8 --fov nan": "fov",
    "generate --camera w-8 --frames 0": "frames is 0",
    "generate --camera w-8 --frames -8": "frames is -8",
    "generate --camera dolly --frames 999999999": "an hour",
    "generate --camera w-999999999": "an hour",
    "generate --camera endless.json": "an hour",
    "generate --camera w-8 --frames many": "--frames",
    "generate --camera w-8 --steps 0": "steps is 0",
    "generate --camera w-8 --seed -1": "seed is -1",
    "generate --camera w-8 --out absent/fly.mp4": "absent",
    "generate --camera w-8 --out folder.mp4": "folder",
    "generate --camera w-8 --out fly.gif": ".mp4",
    "generate --camera w-8 --out /proc/fly.mp4": "/proc/fly.mp4",
    "generate --camera w-8 --model grand": "grand",
    "generate --camera w-8 --model absent/model": "absent/model",
    "generate --camera w-8 --model empty": "model.safetensors",
    "generate --camera w-8 --model truncated": "model.safetensors",
    "generate --camera w-8 --model foreign": "model.safetensors",
    "generate --camera w-8 --model sana-wm": "sana-wm",
    "generate --camera w-8 --device abacus": "abacus",
    "generate --camera w-8 --loud": "--loud",
    "worlds render --seed -1 --out w": "seed",
    "worlds render --seed 2147483649 --out w": "seed",
    "worlds render --split exam --out w": "exam",
    "worlds render --kind moon --out w": "moon",
    "worlds render --depth --out w.mp4": "folder",
    "worlds render --out absent/w": "absent",
    "worlds render --out w.png": "w.png",
    "worlds render --height 0 --camera w-8 --out w": "0",
    "worlds render": "--out",
    "worlds sheet --seeds 5": "A:B",
    "camera show w-8 --out path.doc": "path.doc",
    "evaluate grand": "grand",
    "evaluate mini --clips 0": "clips",
    "evaluate mini --steps 0": "steps",
    "evaluate mini --seeds 32:0": "--seeds",
    "evaluate mini --seeds 5": "A:B",
    "evaluate mini --parts vae,luck": "luck",
    "evaluate mini --out report.txt": "report.txt",
    "evaluate mini --text-folder absent": "absent",
    "train vae absent.py": "absent.py",
    "train world text.png": "recipe",
    "fly": "fly",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with broken files of every kind."""
    (tmp_path / "text.png").write_text("recipe = None\n")
    noise = np.random.default_rng(0).integers(0, 255, (90, 90, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:3000])
    Image.new("RGB", (8, 8)).save(tmp_path / "tiny.png")
    (tmp_path / "folder.mp4").mkdir()
    _break_paths(tmp_path)
    for name in ("empty", "truncated", "foreign"):
        (tmp_path / name).mkdir()
    save_file({"a": torch.zeros(400)}, tmp_path / "foreign" / "model.safetensors")
    whole = (tmp_path / "foreign" / "model.safetensors").read_bytes()
    (tmp_path / "truncated" / "model.safetensors").write_bytes(whole[:200])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _break_paths(folder: Path) -> None:
    poses = np.tile(np.eye(4), (9, 1, 1))
    np.save(folder / "shape.npy", poses[:, :3])
    broken = {"mirrored": (0, 0, -1.0), "sheared": (0, 1, 0.3), "nan": (1, 3, np.nan)}
    for name, (row, column, value) in broken.items():
        changed = poses.copy()
        changed[5, row, column] = value
        np.save(folder / f"{name}.npy", changed)
    (folder / "broken.json").write_text('{"c2w": [')
    ends = [{"time": 0, "position": [0, 0, 0]}, {"time": 1e9, "position": [0, 0, 9]}]
    (folder / "endless.json").write_text(json.dumps({"keyframes": ends}))
    wide = {"c2w": poses.tolist(), "intrinsics": [20, 20, 224, 128], "height": 256, "width": 448, "fps": 16}
    (folder / "wide.json").write_text(json.dumps(wide))


@pytest.mark.parametrize(("line", "word"), FAULTS.items(), ids=list(FAULTS))
def test_one_line_and_exit_code_2(
    line: str, word: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    before = sorted(folder.rglob("*"))
    monkeypatch.setattr(sys, "argv", ["flythrough", *shlex.split(line)])

    with pytest.raises(SystemExit) as caught:
        main()

    said = capfd.readouterr()
    assert caught.value.code == 2
    assert said.out == ""
    assert len(said.err.splitlines()) == 1, said.err
    assert said.err.startswith("flythrough: ")
    assert word in said.err
    assert len(said.err) < 300
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("line", "word"),
    {"generate --camera w-8,x-4": "x-4", "evaluate truncated --processes 2": "model.safetensors"}.items(),
)
def test_the_installed_command_does_the_same(folder: Path, line: str, word: str) -> None:
    done = flythrough(folder, *line.split())

    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert word in done.stderr
