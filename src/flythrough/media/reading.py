"""Reading films, finished or not."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from flythrough.errors import InputError
from flythrough.media import pieces
from flythrough.media.files import line
from flythrough.media.hls import init_of, listed
from flythrough.media.pictures import Film


def read_video(path: str | Path, most: int | None = None) -> tuple[Film, float]:
    """All frames of a video, or the first `most`, (F, H, W, 3) uint8, and its frames a second.

    Of a film that still grows, those that are there.
    """
    import av
    from av.video.reformatter import Colorspace, VideoReformatter

    convert = VideoReformatter().reformat
    try:
        with av.open(_source(Path(path)), "r") as container:
            stream = container.streams.video[0]
            frames = []
            for frame in container.decode(stream):
                if len(frames) == most:
                    break
                # PyAV before 17 does not look at what a frame says, unless the two colour spaces differ
                bt709 = frame.colorspace == Colorspace.ITU709
                spaces = {"src_colorspace": Colorspace.ITU709, "dst_colorspace": Colorspace.ITU601}
                frames.append(convert(frame, format="rgb24", **spaces if bt709 else {}).to_ndarray())
            return np.stack(frames), float(stream.average_rate or 0)
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise InputError(f"{path}: it cannot be read as a video ({line(error)})") from None


def read_metadata(path: str | Path) -> dict[str, Any]:
    """What a writer was given as metadata; empty for a video that is not ours."""
    import av

    path = Path(path)
    file = init_of(path) if path.suffix.lower() == ".m3u8" else path
    try:
        with av.open(str(file)) as container:
            return json.loads(container.metadata.get(pieces.KEY, "{}"))
    except (av.FFmpegError, ValueError) as error:
        raise InputError(f"{path}: it cannot be read as a video ({line(error)})") from None


def complete_frames(path: str | Path) -> int:
    """How many frames of a film, finished or not, are there for good; 0 if there is none at all.

    What a killed program wrote of the next piece does not count. For a film in pieces, this many frames are a
    possible `start` of its writer.
    """
    import av

    path = Path(path)
    try:
        if path.suffix.lower() == ".m3u8":
            return sum(frames for frames, _ in listed(path))
        _, found = pieces.scan(path)
        if found:
            return found[-1][0]
        with av.open(str(path)) as container:
            return container.streams.video[0].frames
    except FileNotFoundError:
        return 0
    except (OSError, av.FFmpegError, IndexError) as error:
        raise InputError(f"{path}: it cannot be read as a video ({line(error)})") from None


def _source(path: Path) -> str | BytesIO:
    """What FFmpeg is to open: of a film in pieces those that are whole, where it would stop at half of one.

    Of a playlist, it would wait for more of them to come.
    """
    if path.suffix.lower() == ".m3u8" and init_of(path).exists():
        parts = [init_of(path), *(path.with_name(name) for _, name in listed(path))]
        return BytesIO(b"".join(part.read_bytes() for part in parts))
    if path.is_file() and (found := pieces.scan(path)[1]) and found[-1][1] < path.stat().st_size:
        with path.open("rb") as file:
            return BytesIO(file.read(found[-1][1]))
    return str(path)
