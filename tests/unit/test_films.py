"""Films that grow: they play at every moment, survive a kill, and go on as if nobody had stopped them."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from flythrough.errors import InputError
from flythrough.media import (
    HlsWriter,
    VideoWriter,
    complete_frames,
    film_writer,
    read_metadata,
    read_video,
)
from tests.films import noise_film

CHUNKS = (1, 24, 24, 7, 24)  # as a stream makes them: the first frame alone, and one chunk cut short
NAMES = ["fly.mp4", "fly.m3u8"]


def chunks() -> list[np.ndarray]:
    return np.split(noise_film(sum(CHUNKS)), np.cumsum(CHUNKS)[:-1])


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def starts(path: Path) -> list[float]:
    """When each frame is shown, in frames; asserts that it is decoded then and lasts until the next one."""
    with av.open(str(path)) as container:
        stream: Any = container.streams.video[0]
        packets: list[Any] = [packet for packet in container.demux(stream) if packet.dts is not None]
        frame = 1 / (stream.average_rate * stream.time_base)
    assert all(packet.dts == packet.pts for packet in packets)
    assert all(one.pts + one.duration == two.pts for one, two in pairwise(packets))
    return [float(packet.pts / frame) for packet in packets]


@pytest.mark.parametrize("name", NAMES)
def test_a_film_can_be_read_after_every_write(tmp_path: Path, name: str) -> None:
    about, total = {"prompt": "Täler", "camera": [[0.25] * 16] * 3000}, 0
    with film_writer(tmp_path / name, 16, about) as video:
        for chunk in chunks():
            video.write(chunk)
            total += len(chunk)

            frames, fps = read_video(tmp_path / name)
            assert (len(frames), fps, video.frames, complete_frames(tmp_path / name)) == (
                total,
                16,
                total,
                total,
            )
            assert read_metadata(tmp_path / name) == about

    frames, _ = read_video(tmp_path / name)
    assert np.abs(frames.astype(int) - noise_film(total)).mean() < 8
    assert starts(tmp_path / name) == list(range(total))


def test_a_finished_film_is_an_ordinary_mp4_with_the_same_packets(tmp_path: Path) -> None:
    path = tmp_path / "fly.mp4"
    video = VideoWriter(path, 24000 / 1001, {"seed": 1})
    for chunk in chunks():
        video.write(chunk)
    growing, growing_frames = path.read_bytes(), read_video(path)[0]
    assert growing.index(b"moov") < growing.index(b"moof")

    video.close()

    data = path.read_bytes()
    assert b"moof" not in data
    assert data.index(b"moov") < data.index(b"mdat")
    assert np.array_equal(read_video(path)[0], growing_frames)
    with av.open(str(path)) as container:
        stream: Any = container.streams.video[0]
        assert stream.frames == sum(CHUNKS)
        assert float(stream.duration * stream.time_base) == pytest.approx(
            sum(CHUNKS) * 1001 / 24000, abs=1e-3
        )
        assert float(stream.average_rate) == pytest.approx(24000 / 1001, abs=1e-3)
    assert read_metadata(path) == {"seed": 1}
    assert complete_frames(path) == sum(CHUNKS)


def test_many_frames_at_once_become_pieces_of_at_most_two_seconds(tmp_path: Path) -> None:
    with HlsWriter(tmp_path / "fly.m3u8", 10) as video:
        video.write(noise_film(45))

    lasting = [float(text) for text in re.findall(r"#EXTINF:([\d.]+)", (tmp_path / "fly.m3u8").read_text())]
    assert lasting == [1.5, 1.5, 1.5]
    assert len(read_video(tmp_path / "fly.m3u8")[0]) == 45


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stop", range(1, len(CHUNKS) + 1))
def test_a_film_taken_up_again_is_the_same_byte_for_byte(tmp_path: Path, name: str, stop: int) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    about = {"prompt": "hills"}
    with film_writer(one / name, 16, about) as video:
        for chunk in chunks():
            video.write(chunk)

    stopped = film_writer(two / name, 16, about)
    for chunk in chunks()[:stop]:
        stopped.write(chunk)
    stopped.stop()
    with film_writer(two / name, 16, start=complete_frames(two / name)) as video:
        for chunk in chunks()[stop:]:
            video.write(chunk)

    assert video.frames == sum(CHUNKS)
    assert files(one) == files(two)


def test_a_cut_piece_does_not_count_and_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "fly.mp4"
    video, ends = VideoWriter(path, 16), [(0, 0)]
    for chunk in chunks():
        video.write(chunk)
        ends.append((video.frames, path.stat().st_size))
    video.stop()
    whole = path.read_bytes()

    for cut in sorted(random.Random(0).sample(range(len(whole)), 40)) + [end for _, end in ends[1:]]:
        path.write_bytes(whole[:cut])
        safe = max(frames for frames, end in ends if end <= cut)
        assert complete_frames(path) == safe
        if safe:
            assert len(read_video(path)[0]) == safe
        again = VideoWriter(path, 16, start=safe)
        for chunk in chunks()[[frames for frames, _ in ends].index(safe) :]:
            again.write(chunk)
        again.stop()
        assert path.read_bytes() == whole


@pytest.mark.parametrize("name", NAMES)
def test_a_film_can_go_on_from_any_earlier_piece(tmp_path: Path, name: str) -> None:
    video = film_writer(tmp_path / name, 16)
    for chunk in chunks():
        video.write(chunk)
    video.stop()

    with film_writer(tmp_path / name, 16, start=25) as video:
        video.write(noise_film(4))

    assert (video.frames, len(read_video(tmp_path / name)[0])) == (29, 29)
    assert starts(tmp_path / name) == list(range(29))


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_continued_is_said_in_a_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(InputError, match="cannot be continued"):
        film_writer(path, 16, start=8)
    video = film_writer(path, 16)
    video.write(noise_film(8))
    video.write(noise_film(8))
    video.stop()
    before = files(tmp_path)

    with pytest.raises(InputError, match=r"fly.*: it cannot be continued after frame 9 of 16"):
        film_writer(path, 16, start=9)
    for fps, film in ((16, noise_film(8, 64, 64)), (24, noise_film(8))):
        with (
            pytest.raises(InputError, match="another picture size, frame rate or encoder"),
            film_writer(path, fps, start=8) as video,
        ):
            video.write(film)
    assert len(read_video(path)[0]) == 8
    assert len(before) == (1 if name == "fly.mp4" else 4)

    if name == "fly.mp4":
        film_writer(path, 16, start=8).close()
        with pytest.raises(InputError, match="only a film that was stopped halfway"):
            film_writer(path, 16, start=8)
    with pytest.raises(InputError, match="standard output cannot be continued"):
        film_writer("-", 16, start=8)


def test_frames_of_another_size_are_refused(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "fly.mp4", 16) as video:
        video.write(noise_film(2))
        with pytest.raises(InputError, match="64x64 cannot follow others of another size"):
            video.write(noise_film(2, 64, 64))
    with pytest.raises(InputError, match="63x48 is not possible; both sides must be even"):
        VideoWriter(tmp_path / "odd.mp4", 16).write(np.zeros((1, 48, 63, 3), np.uint8))


ENDLESS = """
import sys
from flythrough.media import film_writer
from tests.films import noise_film
video, films = film_writer(sys.argv[1], 16), [noise_film(n) for n in (3, 8, 1)]
print("ready", flush=True)
while True:
    for film in films:
        video.write(film)
        print(video.frames, flush=True)
"""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("wait_s", [0.02, 0.4])
def test_a_film_whose_writer_was_killed_plays_and_goes_on(tmp_path: Path, name: str, wait_s: float) -> None:
    path = tmp_path / name
    child = subprocess.Popen([sys.executable, "-c", ENDLESS, path], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    time.sleep(wait_s)
    child.send_signal(signal.SIGKILL)
    told = [int(text) for text in child.communicate()[0].split()]

    safe = complete_frames(path)
    last = told[-1] if told else 0
    assert safe in (last, last + 1, last + 3, last + 8)  # all that was told, and perhaps one piece more
    if safe:
        assert len(read_video(path)[0]) == safe
    with film_writer(path, 16, start=safe) as video:
        video.write(noise_film(5))
    assert len(read_video(path)[0]) == safe + 5
    assert starts(path) == list(range(safe + 5))


def test_another_process_sees_a_growing_film(tmp_path: Path) -> None:
    path, seen = tmp_path / "fly.mp4", []
    child = subprocess.Popen([sys.executable, "-c", ENDLESS, path], stdout=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 30
        while len(set(seen)) < 3 and time.monotonic() < deadline:
            if path.exists():
                seen.append(len(read_video(path)[0]))
    finally:
        child.kill()
        child.communicate()
    assert len(set(seen)) >= 3
    assert seen == sorted(seen)


class Playlist:
    """A playlist as RFC 8216 wants it; raises AssertionError where it is not."""

    def __init__(self, path: Path) -> None:
        lines = path.read_text().splitlines()
        assert lines[0] == "#EXTM3U"
        tags = dict(line.split(":", 1) for line in lines if line.startswith("#EXT-X-") and ":" in line)
        assert int(tags["#EXT-X-VERSION"]) >= 6  # MAP in a playlist that is not of I-frames only
        assert tags["#EXT-X-PLAYLIST-TYPE"] == "EVENT"
        self.target = int(tags["#EXT-X-TARGETDURATION"])
        self.header = path.with_name(tags["#EXT-X-MAP"].removeprefix('URI="').removesuffix('"')).read_bytes()
        self.ended = lines[-1] == "#EXT-X-ENDLIST"
        first = next(number for number, line in enumerate(lines) if line.startswith("#EXTINF"))
        body = lines[first : -1 if self.ended else None]
        assert all(line.startswith("#EXTINF:") for line in body[::2])
        self.lasting = [float(line.removeprefix("#EXTINF:").removesuffix(",")) for line in body[::2]]
        assert all(round(lasts) <= self.target for lasts in self.lasting)
        self.segments = [path.with_name(line).read_bytes() for line in body[1::2]]
        assert len(self.segments) == len(self.lasting)
        self.body = body


def test_a_playlist_is_valid_at_every_step_and_only_grows(tmp_path: Path) -> None:
    path, before = tmp_path / "fly.m3u8", []
    with HlsWriter(path, 16, {"seed": 3}) as video:
        for number, chunk in enumerate(chunks(), 1):
            video.write(chunk)

            playlist = Playlist(path)
            assert not playlist.ended
            assert playlist.lasting == [frames / 16 for frames in CHUNKS[:number]]
            assert playlist.body[: len(before)] == before
            alone = tmp_path / "alone.mp4"  # every segment plays after the header, without the others
            alone.write_bytes(playlist.header + playlist.segments[-1])
            assert len(read_video(alone)[0]) == CHUNKS[number - 1]
            before = playlist.body

    assert Playlist(path).ended
    with av.open(str(path)) as container:
        assert container.duration == pytest.approx(sum(CHUNKS) / 16 * 1e6)


def test_a_player_follows_a_growing_playlist_to_its_end(tmp_path: Path) -> None:
    path, playing = tmp_path / "fly.m3u8", threading.Event()

    def make() -> None:
        with HlsWriter(path, 16) as video:
            for chunk in chunks()[:-1]:
                video.write(chunk)
            assert playing.wait(30)
            video.write(chunks()[-1])

    maker = threading.Thread(target=make)
    maker.start()
    while not path.exists():
        time.sleep(0.01)
    times = []
    with av.open(str(path), options={"live_start_index": "0"}) as container:
        for frame in container.decode(video=0):
            times.append(frame.time)
            playing.set()
    maker.join()

    assert times == [number / 16 for number in range(sum(CHUNKS))]


def test_a_shorter_playlist_leaves_nothing_of_a_longer_one(tmp_path: Path) -> None:
    (tmp_path / "fly.notes.m4s").touch()
    (tmp_path / "fly.2.00000.m4s").touch()
    for count in (5, 2):
        with HlsWriter(tmp_path / "fly.m3u8", 16) as video:
            for chunk in chunks()[:count]:
                video.write(chunk)

    assert set(files(tmp_path)) == {
        "fly.m3u8",
        "fly.init.mp4",
        "fly.00000.m4s",
        "fly.00001.m4s",
        "fly.notes.m4s",
        "fly.2.00000.m4s",
    }


@pytest.mark.parametrize("name", ["fly.avi", "fly", "missing/fly.m3u8", "folder.m3u8", "#1.m3u8", "a b.m3u8"])
def test_an_output_of_another_kind_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.m3u8").mkdir()
    with pytest.raises(InputError):
        film_writer(tmp_path / name, 16)
