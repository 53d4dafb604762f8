"""`flythrough drive` at a pseudo-terminal with keys being typed, and what was recorded played again."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from flythrough.camera.drive import Drive
from flythrough.camera.path import CameraPath
from flythrough.cli import main
from flythrough.media import read_metadata, read_video
from tests.command import COMMAND, ENVIRONMENT


@dataclass
class Terminal:
    """The command on one side, somebody who types and reads on the other."""

    process: subprocess.Popen[str]
    end: int
    seen: str = ""

    def type(self, text: str) -> None:
        os.write(self.end, text.encode())

    def wait_for(self, text: str, seconds: float = 30) -> None:
        """Read the screen until something is written on it."""
        until = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < until, f"no {text!r} in {self.seen[-2000:]!r}"
            self._read()

    def finish(self, seconds: float = 30) -> str:
        """Wait for the command's end, reading on; returns its standard output."""
        until = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < until, f"it does not end after {self.seen[-2000:]!r}"
            self._read()
        self._read()
        assert self.process.stdout is not None
        return self.process.stdout.read()

    def _read(self) -> None:
        if select.select([self.end], [], [], 0.1)[0]:
            self.seen += os.read(self.end, 65536).decode()


@contextmanager
def at_a_terminal(folder: Path, *words: str) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    streams = {"stdin": theirs, "stdout": subprocess.PIPE, "stderr": theirs}
    try:
        with subprocess.Popen(
            [COMMAND, *words], cwd=folder, env=ENVIRONMENT, text=True, **streams
        ) as process:
            try:
                yield Terminal(process, ours)
            finally:
                process.kill()
        assert termios.tcgetattr(theirs) == before, "the terminal was not given back as it was"
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_drive_is_typed_recorded_and_played_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    opening = ("--seed", "5", "--steps", "1")
    with at_a_terminal(
        tmp_path, "drive", "--prompt", "hills at dawn", "--out", "fly.mp4", *opening
    ) as terminal:
        terminal.wait_for("x ends")
        terminal.type("W")
        terminal.wait_for("held: w")
        terminal.type("d")
        terminal.wait_for("held: w+d")
        terminal.type("\nhills in snow\n x")
        out = terminal.finish()
    drive = Drive.read(tmp_path / "fly.drive.json")
    assert terminal.process.returncode == 0, terminal.seen
    assert out == f"fly.mp4: {drive.frames + 1} frames, {(drive.frames + 1) / 16:.1f} s\n"
    assert "a press to its first frame" in terminal.seen

    held = [event.keys for event in drive.events if event.keys is not None]
    assert held[:2] == [{"w"}, {"w", "d"}]
    assert drive.opening_prompt == "hills at dawn"
    flown = CameraPath.load(tmp_path / "fly.camera.json")
    assert (CameraPath.load(tmp_path / "fly.drive.json").c2w == flown.c2w).all()
    film, fps = read_video(tmp_path / "fly.mp4")
    assert (len(film), fps) == (drive.frames + 1, 16)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        sys, "argv", ["flythrough", "drive", "fly.drive.json", "--out", "again.mp4", *opening]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "x real time at 16 fps; keys to frames" in capfd.readouterr().err
    np.testing.assert_array_equal(read_video(tmp_path / "again.mp4")[0], film)
    assert read_metadata(tmp_path / "again.mp4")["prompt"] == "hills at dawn"


def test_a_drive_that_is_interrupted_leaves_what_was_flown(tmp_path: Path) -> None:
    with at_a_terminal(tmp_path, "drive", "--steps", "1") as terminal:
        terminal.wait_for("x ends")
        terminal.type("S")
        terminal.wait_for("held: s")
        terminal.process.send_signal(signal.SIGINT)
        terminal.finish()
    assert terminal.process.returncode == 130
    drive = Drive.read(tmp_path / "drive.drive.json")
    film, _ = read_video(tmp_path / "drive.mp4")
    assert len(film) == CameraPath.load(tmp_path / "drive.camera.json").frames == drive.frames + 1


def test_without_a_terminal_a_recording_is_needed(tmp_path: Path) -> None:
    done = subprocess.run(
        [COMMAND, "drive"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "no terminal" in done.stderr
    assert not list(tmp_path.iterdir())
