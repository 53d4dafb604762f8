"""HLS: a playlist and its segments side by side, which any web server can hand out while they are made."""

from __future__ import annotations

import glob
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from flythrough.errors import InputError
from flythrough.media import pieces
from flythrough.media.files import check_writable, save_bytes
from flythrough.media.pictures import Film
from flythrough.media.writing import FilmWriter, check_is_at, check_same

END = "#EXT-X-ENDLIST"


class HlsWriter(FilmWriter):
    """fly.m3u8 with fly.init.mp4, fly.00000.m4s, fly.00001.m4s ... beside it.

    A segment is there before the playlist names it, and the playlist changes at once, so a player that looks at any
    moment finds a film that plays. The playlist is of type EVENT: it only grows, and ends when the film does.
    Source: RFC 8216.
    """

    def __init__(
        self, path: str | Path, fps: float, metadata: Mapping[str, Any] | None = None, *, start: int = 0
    ) -> None:
        """As `VideoWriter`; the metadata is in fly.init.mp4."""
        super().__init__(str(path), fps, start)
        self.path = Path(path)
        self._metadata = dict(metadata or {})
        self._looks = b""
        self._segments: list[tuple[int, str]] = []  # (frames, name)
        check_playlist(self.path)
        if start:
            self._segments = _cut(self.path, start)
            self._looks = pieces.looks(init_of(self.path).read_bytes())
            self._save(end=False)

    def close(self) -> None:
        if self._segments:
            with self._explained():
                check_is_at(self.path, self._saved)
                self._save(end=True)

    def stop(self) -> None:
        with suppress(InputError):
            self.close()

    def _put(self, frames: Film) -> None:
        header, piece = pieces.encode(frames, self.frames, self.fps, {} if self._segments else self._metadata)
        if not self._segments:
            self._clear()
            save_bytes(init_of(self.path), header)
            self._looks = pieces.looks(header)
        else:
            check_is_at(self.path, self._saved)
        check_same(self.name, self._looks, header)
        segment = self.path.with_name(f"{self.path.stem}.{len(self._segments):05d}.m4s")
        save_bytes(segment, piece)
        self._segments.append((len(frames), segment.name))
        try:
            self._save(end=False)
        except OSError:
            self._segments.pop()
            segment.unlink(missing_ok=True)
            raise

    def _save(self, end: bool) -> None:
        lines = [
            "#EXTM3U",
            "#EXT-X-VERSION:7",
            f"#EXT-X-TARGETDURATION:{math.ceil(max(pieces.LONGEST_S, 1 / self.fps))}",
            "#EXT-X-PLAYLIST-TYPE:EVENT",
            "#EXT-X-INDEPENDENT-SEGMENTS",
            "#EXT-X-START:TIME-OFFSET=0",  # from the beginning, where players would start near the end of what grows
            f'#EXT-X-MAP:URI="{init_of(self.path).name}"',
        ]
        for frames, name in self._segments:
            lines += [f"#EXTINF:{float(frames / pieces.rate(self.fps)):.6f},", name]
        lines += [END] if end else []
        save_bytes(self.path, ("\n".join(lines) + "\n").encode())
        self._saved = self.path.stat()

    def _clear(self) -> None:
        """Remove the film that this one replaces, its playlist first."""
        self.path.unlink(missing_ok=True)
        for file in self.path.parent.glob(f"{glob.escape(self.path.stem)}.*.m4s"):
            if re.fullmatch(r"\d{5,}", file.name.removeprefix(f"{self.path.stem}.").removesuffix(".m4s")):
                file.unlink()


def check_playlist(path: str | Path) -> None:
    """Raise InputError unless a playlist can be written there, under a name that is also an address."""
    check_writable(path, (".m3u8",))
    if wrong := re.search(r"""["'#%?:\\\s]""", Path(path).name):
        raise InputError(
            f"{path}: a playlist's name becomes part of web addresses, so it cannot have {wrong[0]!r} in it"
        )


def init_of(playlist: Path) -> Path:
    """The file with the header of a playlist's segments."""
    return playlist.with_name(f"{playlist.stem}.init.mp4")


def listed(playlist: Path) -> list[tuple[int, str]]:
    """(frames, name) of the playlist's segments, up to the first that is not whole. Raises OSError."""
    found = []
    for line in playlist.read_text().splitlines():
        if line and not line.startswith("#"):
            try:
                _, inside = pieces.scan(playlist.with_name(line))
            except OSError:
                break
            if not inside:
                break
            found.append((inside[-1][0], line))
    return found


def _cut(playlist: Path, frames: int) -> list[tuple[int, str]]:
    """The segments of the first `frames` frames; raises InputError if none ends there."""
    try:
        segments, total = listed(playlist), 0
    except OSError as error:
        raise InputError(f"{playlist}: it cannot be continued ({error.strerror or error})") from None
    for number, (inside, _) in enumerate(segments, 1):
        total += inside
        if total == frames:
            return segments[:number]
    whole = sum(inside for inside, _ in segments)
    raise InputError(
        f"{playlist}: it cannot be continued after frame {frames} of {whole}; no segment ends there"
    )
