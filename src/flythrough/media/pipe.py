"""Frames for another program: `flythrough generate --out - | ffmpeg -i - ...`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from flythrough.errors import InputError
from flythrough.media import pieces
from flythrough.media.pictures import Film
from flythrough.media.writing import FilmWriter, write_all


class PipeWriter(FilmWriter):
    """Uncompressed frames on standard output, as NUT, which says size, rate and pixel format: no option to type.

    ffmpeg, mpv and all else that stands on FFmpeg know it; the pixels, rgb24, arrive as they are. As long as the
    writer is open, whatever else the program prints to standard output goes to standard error.
    """

    def __init__(self, fps: float, metadata: Mapping[str, Any] | None = None) -> None:
        """The metadata becomes the stream's."""
        super().__init__("standard output", fps, 0)
        check_stdout()
        self._tags = pieces.tags(metadata or {})
        self._sink = _Sink()
        self._container: Any = None
        self._stream: Any = None
        sys.stdout.flush()
        self._out = open(os.dup(1), "wb", buffering=0)  # noqa: SIM115
        os.dup2(2, 1)

    def close(self) -> None:
        if self._out.closed:
            return
        try:
            with self._explained():
                if self._container is not None:
                    self._container.close()
                    write_all(self._out, self._sink.take())
        finally:
            sys.stdout.flush()
            os.dup2(self._out.fileno(), 1)
            self._out.close()

    def stop(self) -> None:
        with suppress(InputError):
            self.close()

    def _put(self, frames: Film) -> None:
        import av

        if self._container is None:
            self._container, self._stream = self._opened(*frames.shape[1:3])
        for number, picture in enumerate(frames, self.frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts = number
            self._container.mux(self._stream.encode(frame))
            write_all(self._out, self._sink.take())

    def _opened(self, height: int, width: int) -> tuple[Any, Any]:
        import av

        container = av.open(self._sink, "w", format="nut", options={"flush_packets": "1"})
        container.metadata.update(self._tags)
        stream = container.add_stream("rawvideo", rate=pieces.rate(self.fps))
        stream.width, stream.height, stream.pix_fmt = width, height, "rgb24"
        return container, stream


def check_stdout() -> None:
    """Raise InputError if standard output is a screen."""
    if sys.stdout is not None and sys.stdout.isatty():
        raise InputError(
            "the film would go to the screen; pipe it into a program, such as `| ffmpeg -i - fly.webm`"
        )


class _Sink:
    """A file for PyAV that only grows, as a pipe does: without `seek`, the muxer does not go back."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)

    def take(self) -> bytes:
        """What came since the last call."""
        data, self.data = bytes(self.data), bytearray()
        return data
