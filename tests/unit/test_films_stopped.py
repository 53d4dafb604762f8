"""Films that cannot be written on: one sentence, and what was made still plays. And films for a pipe."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from flythrough.errors import InputError
from flythrough.media import complete_frames, film_writer, read_video
from tests.films import noise_film

NAMES = ["fly.mp4", "fly.m3u8"]

FULL = """
import os, resource, sys
from flythrough.errors import InputError
from flythrough.media import film_writer
from tests.films import noise_film
path, most, enough = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if most:
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
try:
    with film_writer(path, 16) as video:
        for count in (9, *range(1, 30), 4000):
            video.write(noise_film(count))
            if enough and os.path.getsize(path) > enough:
                break
    print(video.frames, "finished")
except InputError as error:
    print(video.frames, error)
"""


def played(path: Path) -> int:
    """How many frames FFmpeg itself finds, without our help."""
    options = {} if path.suffix == ".mp4" else {"live_start_index": "0"}
    with av.open(str(path), options=options) as container:
        return len(list(container.decode(video=0)))


@pytest.mark.parametrize("most", [12_000, 30_000, 100_000])
def test_a_file_that_may_not_grow_keeps_what_it_has(tmp_path: Path, most: int) -> None:
    path = tmp_path / "fly.mp4"
    done = subprocess.run([sys.executable, "-c", FULL, path, str(most), "0"], capture_output=True, text=True)

    assert done.stderr == ""
    frames, _, said = done.stdout.partition(" ")
    assert said == f"{path}: it has become as large as a file may be here; {frames} frames were written\n"
    assert int(frames) >= 9
    assert played(path) == complete_frames(path) == int(frames)
    assert [file.name for file in tmp_path.iterdir()] == ["fly.mp4"]


def test_a_film_that_cannot_even_begin_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "fly.mp4"
    with film_writer(path, 16) as video:
        video.write(noise_film(2))
    done = subprocess.run([sys.executable, "-c", FULL, path, "500", "0"], capture_output=True, text=True)

    assert "; 0 frames were written" in done.stdout
    assert played(path) == 2
    assert [file.name for file in tmp_path.iterdir()] == ["fly.mp4"]


ON_A_SMALL_DISK = """
mount -t tmpfs -o size=200k tmpfs "$1" && "$2" -c "$3" "$1/$4" 0 "$6" && cp -r "$1" "$5"
"""


def on_a_small_disk(folder: Path, name: str, enough: int) -> tuple[Path, str]:
    """Run FULL on a disk of 200 KiB; what is on it then, and what was said."""
    disk, after = folder / "disk", folder / "after"
    disk.mkdir()
    inside = ["unshare", "--mount", "--map-root-user"]
    if shutil.which("unshare") is None or subprocess.run([*inside, "true"], capture_output=True).returncode:
        pytest.skip("no small disk can be made here")
    shell = ["sh", "-c", ON_A_SMALL_DISK, "sh", disk, sys.executable, FULL, name, after, str(enough)]
    done = subprocess.run([*inside, *shell], capture_output=True, text=True)
    assert done.stderr == ""
    return after, done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk_keeps_what_it_has(tmp_path: Path, name: str) -> None:
    after, said = on_a_small_disk(tmp_path, name, 0)

    frames, _, sentence = said.partition(" ")
    assert sentence == f"{tmp_path / 'disk' / name}: the disk is full; {frames} frames were written\n"
    assert int(frames) >= 9
    assert played(after / name) == complete_frames(after / name) == int(frames)
    assert not list(after.glob(".*"))
    assert len(list(after.glob("*.m4s"))) == (after / name).read_bytes().count(b".m4s")
    with film_writer(after / name, 16, start=int(frames)) as video:  # elsewhere there is room
        video.write(noise_film(3))
    assert played(after / name) == int(frames) + 3


def test_a_full_disk_at_the_end_leaves_the_film_in_pieces(tmp_path: Path) -> None:
    after, said = on_a_small_disk(tmp_path, "fly.mp4", 110_000)

    frames, _, sentence = said.partition(" ")
    assert sentence == "finished\n"
    assert played(after / "fly.mp4") == int(frames)
    assert b"moof" in (after / "fly.mp4").read_bytes()
    assert [file.name for file in after.iterdir()] == ["fly.mp4"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fate", ["moved", "removed", "replaced"])
def test_a_folder_that_goes_away_stops_the_film(tmp_path: Path, name: str, fate: str) -> None:
    folder, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    folder.mkdir()
    path = folder / name

    def fly() -> None:
        with film_writer(path, 16) as video:
            video.write(noise_film(5))
            video.write(noise_film(6))
            if fate == "removed":
                shutil.rmtree(folder)
            else:
                folder.rename(elsewhere)
            if fate == "replaced":
                folder.mkdir()
            video.write(noise_film(7))

    with pytest.raises(InputError) as caught:
        fly()

    assert (
        str(caught.value)
        == f"{path}: it or its folder was moved, removed or replaced; 11 frames were written"
    )
    assert not path.exists()
    if fate != "removed":
        assert complete_frames(elsewhere / name) == 11
        assert len(read_video(elsewhere / name)[0]) == 11


def test_a_film_that_another_one_replaced_leaves_that_alone(tmp_path: Path) -> None:
    path = tmp_path / "fly.mp4"
    one = film_writer(path, 16)
    one.write(noise_film(5))
    with film_writer(path, 16) as two:
        two.write(noise_film(3))
        with pytest.raises(InputError, match="moved, removed or replaced; 5 frames"):
            one.write(noise_film(1))
        with pytest.raises(InputError, match="moved, removed or replaced; 5 frames"):
            one.close()
        two.write(noise_film(2))

    assert played(path) == 5


PIPED = """
import os
from flythrough.media import film_writer
from tests.films import noise_film
with film_writer("-", 24000 / 1001, {"prompt": "hills"}) as video:
    print("words of our own")
    os.system("echo words of a library in C")
    for part in (1, 24, 6):
        video.write(noise_film(31)[video.frames:video.frames + part])
"""


class Reader:
    """A pipe for PyAV, which must not seek in it."""

    def __init__(self, pipe: Any) -> None:
        self.read = pipe.read


@contextmanager
def child_of(script: str) -> Iterator[Any]:
    """A Python program with pipes, waited for at the end, which closes them."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe, stderr=pipe) as child:
        yield child


def test_frames_go_through_a_pipe_unchanged_and_alone() -> None:
    with child_of(PIPED) as child:
        opened: Any = av.open(Reader(child.stdout))  # no format, size or rate is given: the stream says them
        with opened as container:
            stream = container.streams.video[0]
            frames = list(container.decode(stream))
            assert container.format.name == "nut"
            assert container.metadata["title"] == "hills"
            assert (stream.codec_context.pix_fmt, stream.average_rate) == ("rgb24", Fraction(24000, 1001))
        said = child.stderr.read()

    assert np.array_equal(np.stack([frame.to_ndarray(format="rgb24") for frame in frames]), noise_film(31))
    assert [frame.pts * frame.time_base * 24000 / 1001 for frame in frames] == list(range(31))
    assert sorted(said.split(b"\n")) == [b"", b"words of a library in C", b"words of our own"]
    assert child.returncode == 0


def test_frames_in_a_pipe_do_not_wait_for_the_next_ones() -> None:
    script = PIPED.replace("video.write(", "input(); video.write(")
    with child_of(script) as child:
        for count in (1, 24, 6):
            child.stdin.write(b"\n")
            child.stdin.flush()
            missing = count * 48 * 64 * 3
            while missing > 0:  # would wait for ever if frames stayed in a buffer
                missing -= len(os.read(child.stdout.fileno(), 1 << 20))
        child.communicate()
    assert child.returncode == 0


def test_a_reader_that_leaves_stops_the_film_with_a_sentence() -> None:
    script = """
import sys
from flythrough.errors import InputError
from flythrough.media import film_writer
from tests.films import noise_film
try:
    with film_writer("-", 16) as video:
        while True:
            video.write(noise_film(31))
except InputError as error:
    print(error, file=sys.stderr)
"""
    with child_of(script) as child:
        child.stdout.read(1_000_000)
        child.stdout.close()
        said = child.stderr.read().decode()

    assert re.fullmatch(
        r"standard output: the program that reads it has ended; \d+ frames were written\n", said
    )
    assert child.returncode == 0


def test_a_film_does_not_go_to_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    with pytest.raises(InputError, match="pipe it into a program"):
        film_writer("-", 16)
