"""`flythrough batch`: films of a manifest, here and on a cluster whose workers die."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flythrough.media import complete_frames
from tests.clusters import machines
from tests.command import COMMAND, ENVIRONMENT, flythrough

FAST = ("--random-weights", "--device", "cpu", "--save-every", "1")
WAIT_S = 180  # for what takes seconds on a machine that does nothing else


def manifest(folder: Path, *lines: dict[str, object] | str) -> None:
    """m.jsonl, and picture.png for its lines."""
    picture = np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8)
    Image.fromarray(picture).save(folder / "picture.png")
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    (folder / "m.jsonl").write_text(text)


def film(**more: object) -> dict[str, object]:
    return {"camera": "w-16", "image": "picture.png", "steps": 1} | more


def until(happened: Callable[[], object], run: subprocess.Popen[str]) -> None:
    """Wait for something that a running command is to bring about."""
    end = time.monotonic() + WAIT_S
    while not happened():
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


@contextmanager
def started(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A running batch, killed at the end of the block if it still runs."""
    given = [COMMAND, "batch", "m.jsonl", *words, *FAST]
    with subprocess.Popen(
        given, cwd=folder, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        try:
            yield run
        finally:
            run.kill()


def test_every_bad_line_is_named_before_anything_starts(tmp_path: Path) -> None:
    manifest(
        tmp_path,
        film(name="a"),
        film(promt="hills"),
        film(name="A"),
        "{",
        film(seed=1.5),
        "",
        film(image="none.png"),
        film(name="../a"),
        film(camera="w-4x"),
        "[]",
    )
    ran = flythrough(tmp_path, "batch", "m.jsonl", "--out", "out", *FAST)
    assert ran.returncode == 2
    named = [line.split(":")[1] for line in ran.stderr.splitlines() if line.startswith("m.jsonl: line")]
    assert named == [f" line {number}" for number in (2, 3, 4, 5, 7, 8, 9, 10)]
    assert not (tmp_path / "out").exists()


def test_a_cluster_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    manifest(tmp_path, film())
    for address, reason in (
        ("127.0.0.1:1", "no Ray cluster answers there"),
        ("ray://h:1", "must be host:port"),
    ):
        ran = flythrough(tmp_path, "batch", "m.jsonl", "--out", "out", "--ray", address, *FAST)
        assert ran.returncode == 2
        assert reason in ran.stderr


@pytest.mark.slow
def test_a_killed_batch_goes_on_and_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    manifest(tmp_path, film(name="one", camera="w-48"), film(seed=2))
    assert flythrough(tmp_path, "batch", "m.jsonl", "--out", "whole", *FAST).returncode == 0

    with started(tmp_path, "--out", "out") as run:
        until((tmp_path / "out/one.mp4.resume/state.safetensors").is_file, run)
    assert 0 < complete_frames(tmp_path / "out/one.mp4") < 49
    again = flythrough(tmp_path, "batch", "m.jsonl", "--out", "out", *FAST)
    assert again.returncode == 0, again.stderr
    for name in ("one.mp4", "00002.mp4"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()

    before = (tmp_path / "out/one.mp4").stat().st_mtime_ns
    third = flythrough(tmp_path, "batch", "m.jsonl", "--out", "out", *FAST)
    assert third.returncode == 0
    assert "2 of 2 films are there already" in third.stderr
    assert (tmp_path / "out/one.mp4").stat().st_mtime_ns == before

    manifest(tmp_path, film(name="one", camera="w-48", prompt="another place"), film(seed=2))
    other = flythrough(tmp_path, "batch", "m.jsonl", "--out", "out", *FAST)
    assert other.returncode == 2
    assert "line 1: out/one.mp4 is another film, with another prompt" in other.stderr


@pytest.mark.slow
def test_a_film_that_fails_stops_no_other(tmp_path: Path) -> None:
    manifest(tmp_path, film(name="bad", camera="w-8"), film(name="good", camera="w-8"))
    (tmp_path / "out/bad.mp4.resume").mkdir(parents=True)
    (tmp_path / "out/bad.mp4.resume/first.png").mkdir()  # cannot be written to
    ran = flythrough(tmp_path, "batch", "m.jsonl", "--out", "out", *FAST)
    assert ran.returncode == 1
    assert "1 made, 0 were there, 1 failed" in ran.stderr
    assert complete_frames(tmp_path / "out/good.mp4") == 9


@pytest.mark.slow
def test_on_a_cluster_a_killed_worker_and_a_lost_machine_change_no_frame(tmp_path: Path) -> None:
    manifest(tmp_path, film(name="one", camera="w-64"))
    assert flythrough(tmp_path, "batch", "m.jsonl", "--out", "whole", *FAST).returncode == 0
    made = tmp_path / "out/one.mp4"

    with machines(2) as cluster, started(tmp_path, "--out", "out", "--ray", cluster.address) as run:
        until((tmp_path / "out/one.mp4.resume/state.safetensors").is_file, run)
        ((_, worker),) = cluster.workers()
        worker.send_signal(signal.SIGKILL)
        killed_at = complete_frames(made)
        until(lambda: complete_frames(made) > killed_at + 8, run)
        ((machine, next_worker),) = cluster.workers()
        assert next_worker.pid != worker.pid
        cluster.lose(machine)
        assert complete_frames(made) < 65
        out, told = run.communicate(timeout=WAIT_S)
    assert run.returncode == 0, told
    assert out == "out/one.mp4: 65 frames, 4.1 s\n"
    assert made.read_bytes() == (tmp_path / "whole/one.mp4").read_bytes()
