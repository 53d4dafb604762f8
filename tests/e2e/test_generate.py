"""The installed command, as a user runs it, on a few frames."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flythrough.camera.path import CameraPath
from flythrough.media import read_metadata, read_video
from flythrough.presets import WEIGHTS
from tests.command import COMMAND, ENVIRONMENT, flythrough

TRAINED = (WEIGHTS / "mini" / "model.safetensors").is_file()
MODEL = () if TRAINED else ("--random-weights",)


def test_a_prompt_becomes_a_video_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    words = ("--prompt", "hills at dawn", "--camera", "w-12,dw-7", "--seed", "4", "--out", "fly.mp4")
    done = flythrough(tmp_path, "generate", *words, "--contact-sheet", *MODEL)

    assert done.returncode == 0, done.stderr
    assert done.stdout == "fly.mp4: 20 frames, 1.2 s\n"
    frames, fps = read_video(tmp_path / "fly.mp4")
    assert frames.shape == (20, 256, 448, 3)  # 20 is not 8k + 1: the path decides
    assert fps == 16
    about = read_metadata(tmp_path / "fly.mp4")
    assert (about["prompt"], about["seed"]) == ("hills at dawn", 4)
    assert about["model"] == ("mini" if TRAINED else "mini, random weights")
    flown = CameraPath.parse("w-12,dw-7")
    assert about["camera"]["c2w"] == flown.c2w.tolist()
    assert (CameraPath.load(tmp_path / "fly.camera.json").c2w == flown.c2w).all()
    assert {file.name for file in tmp_path.iterdir()} == {"fly.mp4", "fly.camera.json", "fly.sheet.png"}


def test_a_picture_is_the_first_frame_and_the_seed_decides_the_rest(tmp_path: Path) -> None:
    rows, columns = np.mgrid[:300, :500]
    picture = np.stack([rows // 2, columns // 3, np.full_like(rows, 120)], -1).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "first.png")
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        words = ("--image", "first.png", "--camera", "w-16", "--seed", seed, "--out", f"{name}.mp4")
        done = flythrough(tmp_path, "generate", *words, *MODEL)
        assert done.returncode == 0, done.stderr

    a, b, c = (read_video(tmp_path / f"{name}.mp4")[0] for name in "abc")

    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)
    if TRAINED:
        expected = np.asarray(Image.fromarray(picture).resize((448, 269)))[6:262]
        assert np.abs(a[0].astype(int) - expected).mean() < 8


def test_ctrl_c_keeps_a_playable_file(tmp_path: Path) -> None:
    words = [COMMAND, "generate", "--camera", "w-960", "--steps", "1", "--out", "fly.mp4", *MODEL]
    process = subprocess.Popen(words, cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    part = tmp_path / ".fly.part.mp4"
    for _ in range(600):
        if part.exists() and part.stat().st_size > 0:
            break
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=60)

    assert process.returncode == 130, complaint
    assert "Traceback" not in complaint
    frames, _ = read_video(tmp_path / "fly.mp4")
    assert 1 <= len(frames) < 961
    assert CameraPath.load(tmp_path / "fly.camera.json").frames == len(frames)
    assert {file.name for file in tmp_path.iterdir()} == {"fly.mp4", "fly.camera.json"}


def test_help_is_quick(tmp_path: Path) -> None:
    flythrough(tmp_path, "--help")
    begin = time.monotonic()
    done = flythrough(tmp_path, "--help")

    assert time.monotonic() - begin < 0.5
    assert "generate" in done.stdout


@pytest.mark.parametrize("command", ["generate", "evaluate", "camera show", "worlds render", "train vae"])
def test_every_command_explains_itself(tmp_path: Path, command: str) -> None:
    done = flythrough(tmp_path, *command.split(), "--help")

    assert done.returncode == 0
    assert "Usage: flythrough" in done.stdout
