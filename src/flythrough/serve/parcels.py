"""Chunks of a live flight as messages: a header, then the frames, raw or as pictures or as a piece of an mp4."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flythrough.media import Film, pieces
from flythrough.serve.controls import Heard
from flythrough.serve.realtime import Init, pack

RAW_FRAMES, PICTURE_FRAMES = 16, 6  # most of one message
ONE_MESSAGE = 65536  # bytes of frames that travel with their header
QUALITY = {"webp": 90, "jpeg": 95}
RAW, MP4 = "application/x-raw-rgb", "video/mp4"


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Frames that were made at once, and what is to be said of them.

    index   of the chunk since the client came
    first   number of its first frame in the flight
    poses   (n, 16) c2w of each frame, row by row
    asked   by the monotonic clock, when a turn was asked for; begun: when it had come; made_s: for the frames
    waited_s  before that, for the client's clock
    ahead_s film that the client had been sent and had not shown by then
    epoch   how often the flight had gone back
    """

    film: Film
    index: int
    request_id: str
    first: int
    poses: NDArray[np.float64]
    heard: Heard
    asked: float
    begun: float
    waited_s: float
    made_s: float
    ahead_s: float
    prompt_share: float
    epoch: int


@dataclass
class Parcel:
    """A chunk ready to be sent: messages batch by batch, and what chunk_stats says of them."""

    batches: list[tuple[dict[str, Any], bytes]]
    content_type: str
    build_s: float

    @property
    def bytes(self) -> int:
        return sum(len(payload) for _, payload in self.batches)


class Packer:
    """Puts one client's chunks into the form it asked for. Slow: not for the event loop."""

    def __init__(self, wanted: Init, session_id: str, fps: float) -> None:
        self._format = wanted.realtime_output_format or "raw"
        self._quality = wanted.output_compression or QUALITY.get(self._format, 0)
        self._most_width = wanted.realtime_preview_max_width or 0
        self._session_id, self._fps = session_id, fps
        self._epoch = -1  # of the mp4's header that the client has

    def pack(self, chunk: Chunk) -> Parcel:
        """A chunk as messages."""
        begun = time.perf_counter()
        batches = []
        parts = list(self._parts(chunk.film))
        done = 0
        for number, frames in enumerate(parts):
            about, payload = self._payload(frames, chunk, done)
            last = done + len(frames) - 1
            header = {
                "request_id": chunk.request_id,
                "chunk_index": chunk.index,
                "num_frames": len(frames),
                "total_size": len(payload),
                "frame_batch_index": number,
                "num_frame_batches": len(parts),
                "is_final_frame_batch": number == len(parts) - 1,
                "session_id": self._session_id,
                "first_frame": chunk.first + done,
                "client_ts_ms": chunk.heard.client_ts_ms,
                "make_ms": round(chunk.made_s * 1000),
                "ahead_ms": round(chunk.ahead_s * 1000),
                "pose": chunk.poses[last].tolist(),
                "prompt_share": chunk.prompt_share,
            } | about
            if chunk.heard.event_id is not None:
                header["event_id"] = chunk.heard.event_id
            batches.append((header, payload))
            done += len(frames)
        return Parcel(batches, str(batches[0][0]["content_type"]), time.perf_counter() - begun)

    def _parts(self, film: Film) -> Iterator[Film]:
        most = {"raw": RAW_FRAMES, "fmp4": len(film)}.get(self._format, PICTURE_FRAMES)
        for begin in range(0, len(film), most):
            yield film[begin : begin + most]

    def _payload(self, frames: Film, chunk: Chunk, done: int) -> tuple[dict[str, Any], bytes]:
        height, width = frames.shape[1:3]
        if self._format == "raw":
            payload = frames.tobytes()
            about = {"format": "rgb24", "channels": 3, "bytes_per_frame": height * width * 3}
            about |= {"raw_size": len(payload), "encoding": "raw", "content_type": RAW}
            return about | {"width": width, "height": height}, payload
        if self._format == "fmp4":
            return self._movie(frames, chunk.first + done, chunk.epoch)
        pictures = [self._picture(frame) for frame in frames]
        shown_width, shown_height = self._shown(width, height)
        about = {"format": self._format, "encoding": self._format, "content_type": f"image/{self._format}"}
        about |= {
            "source_width": width,
            "source_height": height,
            "width": shown_width,
            "height": shown_height,
        }
        about |= {"preview_width": shown_width, "preview_height": shown_height}
        return about | {"payload_lengths": [len(picture) for picture in pictures]}, b"".join(pictures)

    def _movie(self, frames: Film, first: int, epoch: int) -> tuple[dict[str, Any], bytes]:
        header, piece = pieces.encode(frames, first, self._fps, {})
        begin = b"" if self._epoch == epoch else header
        self._epoch = epoch
        about = {"format": "fmp4", "encoding": "fmp4", "content_type": MP4, "codecs": codecs(header)}
        about |= {"header_bytes": len(begin), "width": frames.shape[2], "height": frames.shape[1]}
        return about, begin + piece

    def _picture(self, frame: NDArray[np.uint8]) -> bytes:
        image, file = Image.fromarray(frame), BytesIO()
        if (size := self._shown(*image.size)) != image.size:
            image = image.resize(size, Image.Resampling.BICUBIC)
        how = {"method": 0} if self._format == "webp" else {"subsampling": 0}  # fast; 4:4:4
        image.save(file, self._format, quality=self._quality, **how)
        return file.getvalue()

    def _shown(self, width: int, height: int) -> tuple[int, int]:
        if not 0 < self._most_width < width:
            return width, height
        return self._most_width, max(1, round(height * self._most_width / width))


def wire(header: dict[str, Any], payload: bytes) -> list[bytes]:
    """One message, or a header and the payload after it where that is large."""
    if len(payload) < ONE_MESSAGE:
        return [pack({"type": "frame_batch"} | header | {"payload": payload})]
    return [pack({"type": "frame_batch_header"} | header), payload]


def codecs(header: bytes) -> str:
    """What a browser's MediaSource calls the codec of an mp4 with this header: RFC 6381, as avc1.64000D."""
    where = header.index(b"avcC") + 5
    return f"avc1.{header[where : where + 3].hex().upper()}"
