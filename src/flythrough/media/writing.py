"""Films written as their frames come: what is there already can be watched, copied or taken up again."""

from __future__ import annotations

import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from flythrough.errors import InputError
from flythrough.media import pieces
from flythrough.media.files import check_writable, reason, replacing, save_bytes
from flythrough.media.pictures import Film


class FilmWriter(ABC):
    """Something a film is written to: `with` it, `write`, and `frames` says how many are safe."""

    def __init__(self, name: str, fps: float, start: int) -> None:
        """start: how many frames are there already."""
        self.name, self.fps, self.frames = name, fps, start
        self._size: tuple[int, ...] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.stop()

    def write(self, frames: Film) -> None:
        """Add frames (n, H, W, 3) uint8 and wait until they are where a reader finds them.

        Each call makes pieces of its own, so many frames at once make a smaller file than the same one by one.
        Raises InputError when there is no way to write on; the frames so far stay.
        """
        for part in pieces.split(self._checked(frames), self.fps):
            with self._explained():
                self._put(part)
            self.frames += len(part)

    @abstractmethod
    def close(self) -> None:
        """There will be no more frames: the film is finished."""

    @abstractmethod
    def stop(self) -> None:
        """Leave the film as it is, so that it plays, and can be continued. Never raises."""

    @abstractmethod
    def _put(self, frames: Film) -> None:
        """Write frames that last at most pieces.LONGEST_S; raises OSError and then has written none."""

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """What the system says against writing, as a sentence."""
        try:
            yield
        except OSError as error:
            raise InputError(f"{self.name}: {reason(error)}; {self.frames} frames were written") from None

    def _checked(self, frames: Film) -> Film:
        size = frames.shape[1:]
        height, width, _ = size
        if height % 2 or width % 2:
            raise InputError(
                f"{self.name}: a video of {width}x{height} is not possible; both sides must be even"
            )
        if self._size not in (None, size):
            raise InputError(f"{self.name}: frames of {width}x{height} cannot follow others of another size")
        self._size = size
        return frames


class VideoWriter(FilmWriter):
    """H.264 in an mp4 that plays while it grows, and everywhere when it is finished.

    From the first frames on there is a fragmented mp4 at `path`, to which every `write` appends; until then, an older
    file of that name stays. `close` makes an ordinary mp4 of the same packets. Leaving the block by an exception,
    Ctrl-C included, or being killed leaves the fragmented one, which plays as well and can be continued. Without
    frames there is no file.
    """

    def __init__(
        self, path: str | Path, fps: float, metadata: Mapping[str, Any] | None = None, *, start: int = 0
    ) -> None:
        """metadata: one JSON object that `read_metadata` gives back.

        start: go on after so many frames of the film at `path`, which must be where a `write` ended, with the same
        frame rate; what comes after them is dropped. The result is the same as if nobody had stopped.
        """
        super().__init__(str(path), fps, start)
        self.path = Path(path)
        self._metadata = dict(metadata or {})
        self._file: BinaryIO | None = None
        self._looks = b""  # what all pieces must share
        self._end = 0  # bytes that count
        check_writable(self.path, (".mp4",))
        if start:
            header, self._end = cut(self.path, start)
            self._looks = pieces.looks(header)
            self._file = self._opened()

    def close(self) -> None:
        if self._file is None:
            return
        with self._explained():
            try:
                check_is_at(self.path, os.fstat(self._file.fileno()))
            finally:
                self.stop()
        with suppress(OSError):  # a full disk, as a rule: then the film stays in pieces, which play as well
            finish(self.path)

    def stop(self) -> None:
        if self._file is None:
            return
        with suppress(OSError):
            self._file.truncate(self._end)  # half a piece may be there if the disk is full
        self._file.close()
        self._file = None

    def _put(self, frames: Film) -> None:
        header, piece = pieces.encode(frames, self.frames, self.fps, {} if self._file else self._metadata)
        if self._file is None:
            save_bytes(self.path, header + piece)
            self._looks, self._end = pieces.looks(header), len(header + piece)
            self._file = self._opened()
            return
        check_same(self.name, self._looks, header)
        check_is_at(self.path, os.fstat(self._file.fileno()))
        self._file.seek(self._end)
        write_all(self._file, piece)
        os.fsync(self._file.fileno())
        self._end += len(piece)

    def _opened(self) -> BinaryIO:
        file = self.path.open("r+b", buffering=0)
        file.truncate(self._end)
        return file


def cut(path: Path, frames: int) -> tuple[bytes, int]:
    """(header, bytes) of a growing film's first `frames` frames; raises InputError if no piece ends there."""
    try:
        header, found = pieces.scan(path)
    except OSError as error:
        raise InputError(f"{path}: it cannot be continued ({error.strerror or error})") from None
    if not found:
        raise InputError(f"{path}: it cannot be continued; only a film that was stopped halfway can")
    ends = dict(found)
    if frames not in ends:
        nearest = max((end for end in ends if end < frames), default=0)
        raise InputError(
            f"{path}: it cannot be continued after frame {frames} of {max(ends)}; the last place before is {nearest}"
        )
    return header, ends[frames]


def check_same(name: str, looks: bytes, header: bytes) -> None:
    """Raise InputError if a piece with this header cannot follow pieces that look so."""
    if looks != pieces.looks(header):
        raise InputError(
            f"{name}: it was begun with another picture size, frame rate or encoder and cannot be continued"
        )


def write_all(file: BinaryIO, data: bytes) -> None:
    """Write to an unbuffered file, which may take less at once than it is given."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


def finish(path: Path) -> None:
    """Make an ordinary mp4 of one in pieces, for editors and old players; the packets stay. Raises OSError."""
    import av

    with replacing(path) as part:
        options = {"movflags": "faststart+use_metadata_tags"}
        with av.open(str(path)) as source, av.open(str(part), "w", format="mp4", options=options) as whole:
            kept = {name: source.metadata[name] for name in ("title", pieces.KEY) if name in source.metadata}
            whole.metadata.update(kept)
            stream = whole.add_stream_from_template(
                source.streams.video[0], opaque=True
            )  # without an encoder
            for packet in source.demux(video=0):
                if packet.dts is not None:  # the last one is empty
                    packet.stream = stream
                    whole.mux(packet)
        with part.open("r+b") as file:
            os.fsync(file.fileno())


def check_is_at(path: Path, file: os.stat_result) -> None:
    """Raise OSError unless this very file is at `path`: to an open one, one could write without anyone seeing it."""
    if not os.path.samestat(path.stat(), file):
        raise OSError(errno.ENOENT, "replaced")
