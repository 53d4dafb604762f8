"""Where a film goes, by the name of its output."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flythrough.errors import InputError
from flythrough.media.files import check_writable
from flythrough.media.hls import HlsWriter, check_playlist
from flythrough.media.pipe import PipeWriter, check_stdout
from flythrough.media.writing import FilmWriter, VideoWriter

STDOUT = "-"


def film_writer(
    out: str | Path, fps: float, metadata: Mapping[str, Any] | None = None, *, start: int = 0
) -> FilmWriter:
    """The writer for an output: .mp4, .m3u8 for HLS, or "-" for standard output.

    start: continue the film at `out` after so many of its frames, as `complete_frames` counts them. Raises InputError
    for any other name, and where nothing can be written or continued.
    """
    check_film(out)
    if str(out) == STDOUT:
        if start:
            raise InputError("what went to standard output cannot be continued; name a file instead")
        return PipeWriter(fps, metadata)
    writer = HlsWriter if Path(out).suffix.lower() == ".m3u8" else VideoWriter
    return writer(out, fps, metadata, start=start)


def check_film(out: str | Path) -> None:
    """Raise InputError unless a film can be written there, so that nobody works for an hour in vain."""
    if str(out) == STDOUT:
        check_stdout()
    elif Path(out).suffix.lower() == ".m3u8":
        check_playlist(out)
    else:
        check_writable(out, (".mp4", ".m3u8"))
