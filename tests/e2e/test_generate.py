"""The installed command, as a user runs it, on a few frames."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from flythrough.camera.path import CameraPath
from flythrough.media import read_metadata, read_video
from tests.command import COMMAND, ENVIRONMENT, flythrough


def test_a_prompt_becomes_a_video_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    words = ("--prompt", "hills at dawn", "--camera", "w-12,dw-7", "--seed", "4", "--out", "fly.mp4")
    done = flythrough(tmp_path, "generate", *words, "--contact-sheet")

    assert done.returncode == 0, done.stderr
    assert done.stdout == "fly.mp4: 20 frames, 1.2 s\n"
    frames, fps = read_video(tmp_path / "fly.mp4")
    assert frames.shape == (20, 256, 448, 3)  # 20 is not 8k + 1: the path decides
    assert fps == 16
    about = read_metadata(tmp_path / "fly.mp4")
    assert (about["prompt"], about["seed"]) == ("hills at dawn", 4)
    assert about["model"] == "mini"
    flown = CameraPath.parse("w-12,dw-7")
    assert about["camera"]["c2w"] == flown.c2w.tolist()
    assert (CameraPath.load(tmp_path / "fly.camera.json").c2w == flown.c2w).all()
    assert {file.name for file in tmp_path.iterdir()} == {"fly.mp4", "fly.camera.json", "fly.sheet.png"}


def test_frames_go_into_a_pipe_and_nothing_else_does(tmp_path: Path) -> None:
    with started(
        tmp_path, "generate", "--camera", "w-12", "--steps", "1", "--out", "-", text=False
    ) as process:
        opened: Any = av.open(process.stdout)
        with opened as container:
            frames = list(container.decode(video=0))
        _, said = process.communicate()

    assert process.returncode == 0, said
    assert [(frame.height, frame.width, frame.format.name) for frame in frames] == [(256, 448, "rgb24")] * 13
    assert said.endswith(b"-: 13 frames, 0.8 s\n")
    assert not list(tmp_path.iterdir())


def test_a_terminal_hears_at_once_what_it_waits_for(tmp_path: Path) -> None:
    terminal, its_end = pty.openpty()
    words = ("generate", "--camera", "w-8", "--steps", "1", "--out", "fly.mp4")
    environment = ENVIRONMENT | {"TERM": "xterm"}
    with subprocess.Popen([COMMAND, *words], cwd=tmp_path, env=environment, stderr=its_end) as process:
        os.close(its_end)
        said = b""
        with suppress(OSError):  # how the end of a terminal is told
            while news := os.read(terminal, 4096):
                said += news
    os.close(terminal)

    assert process.returncode == 0, said
    assert said.index(b"loading mini") < said.index(b"flying")


def test_a_playlist_and_its_segments_lie_beside_each_other(tmp_path: Path) -> None:
    done = flythrough(tmp_path, "generate", "--camera", "w-12", "--steps", "1", "--out", "fly.m3u8")

    assert done.stdout == "fly.m3u8: 13 frames, 0.8 s\n", done.stderr
    assert len(read_video(tmp_path / "fly.m3u8")[0]) == 13
    assert read_metadata(tmp_path / "fly.m3u8")["model"] == "mini"
    names = {file.name for file in tmp_path.iterdir() if file.suffix != ".m4s"}
    assert names == {"fly.m3u8", "fly.init.mp4", "fly.camera.json"}


def test_a_picture_is_the_first_frame_and_the_seed_decides_the_rest(tmp_path: Path) -> None:
    rows, columns = np.mgrid[:300, :500]
    picture = np.stack([rows // 2, columns // 3, np.full_like(rows, 120)], -1).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "first.png")
    for name in "ab":
        words = ("--image", "first.png", "--camera", "w-16", "--seed", "1", "--out", f"{name}.mp4")
        done = flythrough(tmp_path, "generate", *words)
        assert done.returncode == 0, done.stderr

    a, b = (read_video(tmp_path / f"{name}.mp4")[0] for name in "ab")

    assert np.array_equal(a, b)
    expected = np.asarray(Image.fromarray(picture).resize((448, 269)))[6:262]
    assert np.abs(a[0].astype(int) - expected).mean() < 8


@dataclass
class Flight:
    """A flight of 241 frames: its video, and how much memory it held while it was written, in MiB."""

    video: Path
    memory: list[float]


@pytest.fixture(scope="module")
def flight(tmp_path_factory: pytest.TempPathFactory) -> Flight:
    folder = tmp_path_factory.mktemp("flight")
    words = ("--camera", "w-240", "--steps", "1", "--out", "fly.mp4")
    process, memory = started(folder, "generate", *words), []
    while process.poll() is None:
        if (folder / "fly.mp4").exists():
            memory.append(resident_mib(process.pid))
        time.sleep(0.1)
    assert process.wait() == 0
    process.communicate()
    return Flight(folder / "fly.mp4", [value for value in memory if value])


def test_the_video_plays_everywhere(flight: Flight) -> None:
    with av.open(str(flight.video)) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.name, codec.pix_fmt, codec.color_range) == ("h264", "yuv420p", 1)
    data = flight.video.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # a browser starts before it has the whole file


def test_memory_does_not_grow_with_the_flight(flight: Flight) -> None:
    third = len(flight.memory) // 3

    assert max(flight.memory[-third:]) - max(flight.memory[:third]) < 100  # as floats, the frames are 315 MiB
    assert max(flight.memory) < 3 * 1024


def test_ctrl_c_keeps_a_playable_file(tmp_path: Path) -> None:
    process = started(tmp_path, "generate", "--camera", "w-960", "--steps", "1", "--out", "fly.mp4")
    while not (tmp_path / "fly.mp4").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    assert len(read_video(tmp_path / "fly.mp4")[0]) >= 1  # it plays while it grows
    process.send_signal(signal.SIGINT)
    said, complaint = process.communicate(timeout=60)

    assert process.returncode == 130, complaint
    assert "Traceback" not in complaint
    frames, _ = read_video(tmp_path / "fly.mp4")
    assert 1 <= len(frames) < 961
    assert said.startswith(f"fly.mp4: {len(frames)} frames")
    assert CameraPath.load(tmp_path / "fly.camera.json").frames == len(frames)
    assert "`flythrough resume fly.mp4` goes on with it" in complaint
    assert {file.name for file in tmp_path.iterdir()} == {"fly.mp4", "fly.camera.json", "fly.mp4.resume"}


def test_ctrl_c_before_the_first_frame_leaves_nothing(tmp_path: Path) -> None:
    process = started(tmp_path, "generate", "--camera", "w-960", "--out", "fly.mp4")
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    said, complaint = process.communicate(timeout=60)

    assert process.returncode == 130, complaint
    assert (said, complaint.splitlines()[-1]) == ("", "flythrough: stopped")
    assert not list(tmp_path.iterdir())


def resident_mib(process: int) -> float:
    """What a process holds in memory now; 0 when it has ended."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return int(found[1]) / 1024 if found else 0.0


def started(folder: Path, *words: str, text: bool = True) -> subprocess.Popen[Any]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [COMMAND, *words], cwd=folder, env=ENVIRONMENT, stdout=pipe, stderr=pipe, text=text
    )


def test_help_is_quick(tmp_path: Path) -> None:
    flythrough(tmp_path, "--help")
    begin = time.monotonic()
    done = flythrough(tmp_path, "--help")

    assert time.monotonic() - begin < 0.5
    assert "generate" in done.stdout


@pytest.mark.parametrize(
    "command", ["generate", "resume", "evaluate", "camera show", "worlds render", "train vae"]
)
def test_every_command_explains_itself(tmp_path: Path, command: str) -> None:
    done = flythrough(tmp_path, *command.split(), "--help")

    assert done.returncode == 0
    assert "Usage: flythrough" in done.stdout
