"""Pieces of a film: up to two seconds of H.264 that need no others, and the header that they share.

A film in the making is a header and a row of pieces: one mp4 that grows, or the segments of an HLS playlist. Each
piece comes from a new encoder and a new muxer, so its bytes follow from its frames and its place alone, and a film
that was stopped after some piece and taken up again is the same film, byte for byte. No frame waits for a later one
(no B-frames), so that every time stamp says both when to decode and when to show, and no player has to shift any.

Source: ISO/IEC 14496-12, 8.8 (movie fragments); RFC 8216, 3.3 (fragmented mp4 as HLS segments).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from flythrough.media.pictures import Film

LONGEST_S = 2.0  # of a piece: what can be lost when all goes wrong, and how far a player jumps
KEY = "flythrough"  # the metadata entry of our films, one JSON object
X264 = {
    "crf": "19",  # the quality: lower is better and larger; 19 is hard to tell from the original
    "preset": "veryfast",  # 0.4 dB worse and 7% larger than the default, and three times as fast
    "bf": "0",
    # without mbtree, whose AVX-512 code lets the same frames become another file now and then
    "mbtree": "0",
}
THREADS = 4  # a fixed number: with as many as there are cores, another machine would write another file


def rate(fps: float) -> Fraction:
    """Frames a second as players like them: 24000/1001, not a float."""
    return Fraction(fps).limit_denominator(1001)


def split(frames: Film, fps: float) -> Iterator[Film]:
    """Frames (n, H, W, 3) as the fewest runs of nearly equal length that last at most LONGEST_S."""
    most = max(1, int(LONGEST_S * fps))
    yield from np.array_split(frames, -(-len(frames) // most)) if len(frames) else ()


def encode(frames: Film, start: int, fps: float, metadata: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Frames (n, H, W, 3) uint8, n > 0, both sides even, as (header, piece); `start` frames come before them.

    Header and piece are a film; other pieces of the same size and rate can follow. The metadata is in the header.
    """
    import av
    from av.video.reformatter import Colorspace, VideoReformatter

    file, every = BytesIO(), 1 / rate(fps)
    with av.open(
        file,
        "w",
        format="mp4",
        options={
            "movflags": "frag_custom+empty_moov+default_base_moof+frag_discont+skip_trailer+use_metadata_tags",
            "fragment_index": str(start + 1),  # must grow from piece to piece, and here needs no counting
            "use_editlist": "0",
            "avoid_negative_ts": "disabled",  # or else each piece would begin at 0
        },
    ) as container:
        container.metadata.update(tags(metadata))
        stream: Any = container.add_stream("libx264", rate=rate(fps), options=X264)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.thread_count, context.thread_type = THREADS, "FRAME"
        context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
        context.color_range = 1  # 16 to 235, what players expect
        convert = VideoReformatter().reformat
        for number, picture in enumerate(frames, start):
            rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame = convert(rgb, format="yuv420p", dst_colorspace=Colorspace.ITU709)
            frame.pts, frame.time_base = number, every
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    data = file.getvalue()
    where = next(begin for kind, begin, _ in _boxes(file) if kind == b"moof")
    return data[:where], data[where:]


def tags(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Metadata as the entries of a media file."""
    if not metadata:
        return {}
    text = json.dumps(metadata, ensure_ascii=False)
    return {name: value for name, value in (("title", str(metadata.get("prompt", ""))), (KEY, text)) if value}


def scan(path: Path) -> tuple[bytes, list[tuple[int, int]]]:
    """The header of a file of pieces, and of every complete piece (frames up to its end, bytes up to its end).

    A cut piece at the end does not count. A finished mp4 has no pieces; a segment of HLS has no header. Raises
    OSError.
    """
    header, found, frames, inside = b"", [], 0, 0
    with path.open("rb") as file:
        for kind, begin, end in _boxes(file):
            if kind == b"moof":
                file.seek(begin)
                moof = file.read(end - begin)
                inside = _samples(moof)
                if not found and not frames:
                    file.seek(0)
                    header = file.read(begin)
            elif kind == b"mdat" and inside:
                frames, inside = frames + inside, 0
                found.append((frames, end))
    return header, found


def looks(header: bytes) -> bytes:
    """What pieces must have in common to be one film: clock, picture size, encoder settings, colours."""
    moov = _child(header, b"moov")
    media = _child(_child(moov, b"trak"), b"mdia")
    return _child(media, b"mdhd") + _child(_child(_child(media, b"minf"), b"stbl"), b"stsd")


def _boxes(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """(kind, begin, end) of the boxes that are wholly there."""
    size = file.seek(0, 2)
    begin = 0
    while begin + 8 <= size:
        file.seek(begin)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:  # too long for 32 bits
            length = int.from_bytes(head[8:], "big")
        if length < 8 or begin + length > size:
            return
        yield head[4:8], begin, begin + length
        begin += length


def _child(box: bytes, kind: bytes) -> bytes:
    """The content of the first box of a kind; empty where there is none."""
    found = (box[begin + 8 : end] for name, begin, end in _boxes(BytesIO(box)) if name == kind)
    return next(found, b"")


def _samples(moof: bytes) -> int:
    """How many frames the fragment that this box opens has: version and flags, then the count, in the trun box."""
    return int.from_bytes(_child(_child(_child(moof, b"moof"), b"traf"), b"trun")[4:8], "big")
