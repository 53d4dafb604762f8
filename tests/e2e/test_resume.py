"""The installed command, killed for good at bad moments, on a full disk and without its folder."""

from __future__ import annotations

import os
import random
import re
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from flythrough.media import complete_frames, save_image
from tests.command import COMMAND, ENVIRONMENT, flythrough

FRAMES = 25


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """What is asked, but for the output."""
    first = tmp_path_factory.mktemp("first") / "first.png"
    save_image(np.random.default_rng(0).integers(90, 160, (128, 224, 3), np.uint8), first)
    given = ("--camera", f"w-{FRAMES - 1}", "--steps", "1", "--contact-sheet", "--save-every", "1")
    return ("generate", "--image", str(first), *given)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, words: tuple[str, ...]) -> Path:
    """The folder of a flight that nobody interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    done = flythrough(folder, *words, "--out", "fly.mp4")
    assert done.returncode == 0, done.stderr
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def started(folder: Path, *words: str, limit: int = 0) -> subprocess.Popen[Any]:
    """limit: bytes that a file may have, if any."""
    most = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))) if limit else None
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [COMMAND, *words], cwd=folder, env=ENVIRONMENT, stdout=pipe, stderr=pipe, text=True, preexec_fn=most
    )


def killed(process: subprocess.Popen[Any], moment: Callable[[], bool], wait_s: float = 0) -> None:
    """Kill -9 so many seconds after a moment."""
    while not moment():
        assert process.poll() is None, process.communicate()
        time.sleep(0.0005)
    time.sleep(wait_s)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def played(path: Path) -> int:
    """How many frames FFmpeg itself finds, without our help."""
    with av.open(str(path)) as container:
        return len(list(container.decode(video=0)))


def test_killed_at_bad_moments_it_is_still_the_same_film(
    tmp_path: Path, words: tuple[str, ...], whole: Path
) -> None:
    kept, out = tmp_path / "fly.mp4.resume", tmp_path / "fly.mp4"
    state = kept / "state.safetensors"
    wait_s = random.uniform(0, 0.2)
    print(f"waited {wait_s} s")  # pytest shows it if this fails

    killed(started(tmp_path, *words, "--out", "fly.mp4"), (kept / "shot.json").is_file)
    assert not out.exists()  # not one chunk

    killed(started(tmp_path, "resume", "fly.mp4"), state.is_file, wait_s)  # anywhere in a chunk or a state
    assert played(out) == complete_frames(out) >= 1

    killed(started(tmp_path, "resume", "fly.mp4"), lambda: True, 8 * wait_s)  # while it starts
    done = flythrough(tmp_path.parent, "resume", str(out))  # from another folder too

    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{out}: {FRAMES} frames, 1.6 s\n"
    assert content(tmp_path) == content(whole)


def test_a_file_that_may_not_grow_stops_it_and_more_room_lets_it_go_on(
    tmp_path: Path, words: tuple[str, ...], whole: Path
) -> None:
    limit = 1_000_000  # bytes: enough for the film, not for a state
    process = started(tmp_path, *words, "--save-every", "2", "--out", "fly.mp4", limit=limit)
    said, complaint = process.communicate()

    assert process.returncode == 2
    assert "fly.mp4.resume/state.safetensors: the snapshot cannot be written" in complaint.splitlines()[-1]
    assert "Traceback" not in complaint
    assert said == "fly.mp4: 9 frames, 0.6 s\n"
    assert played(tmp_path / "fly.mp4") == 9

    done = flythrough(tmp_path, "resume", "fly.mp4")
    assert done.returncode == 0, done.stderr
    assert content(tmp_path) == content(whole)


def test_a_folder_that_is_removed_stops_it_with_a_sentence(tmp_path: Path, words: tuple[str, ...]) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    process = started(tmp_path, *words, "--camera", "w-960", "--out", "out/fly.mp4")
    while not (folder / "fly.mp4.resume" / "state.safetensors").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    os.rename(folder, tmp_path / "elsewhere")
    _, complaint = process.communicate(timeout=60)

    assert process.returncode == 2
    assert re.search(r"moved(, removed or replaced| or removed); \d+ frames were written$", complaint.strip())
    assert "Traceback" not in complaint
    assert "goes on with it" not in complaint  # where it was there is nothing
    film = tmp_path / "elsewhere" / "fly.mp4"
    assert played(film) == complete_frames(film) >= 1
    assert {file.name for file in tmp_path.iterdir()} == {"elsewhere"}
