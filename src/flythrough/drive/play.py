"""A recorded drive through a session, as fast as it goes, and what is measured on the way."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from flythrough.camera.drive import Drive
from flythrough.flight.receipt import Receipt
from flythrough.media import Film
from flythrough.session import Session
from flythrough.shot import check_prompt


@dataclass
class Figures:
    """How fast a drive was. Give `chunk` to a session as its on_chunk.

    waits   seconds of each call that made frames: from the keys being taken in to their frames
    answers seconds from a key being pressed at a terminal to the first frames that heard of it
    frames  of all chunks, and busy_s the seconds they took; written: frames in the video
    """

    fps: float
    waits: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    frames: int = 0
    busy_s: float = 0.0
    written: int = 0

    def chunk(self, receipt: Receipt) -> None:
        """Take in the receipt of a chunk."""
        self.frames += len(receipt.frames)
        self.busy_s += receipt.total_s

    @property
    def real_time(self) -> float:
        """Seconds of film a second of work on chunks makes; the encoding of the film is not counted."""
        return self.frames / self.fps / self.busy_s if self.busy_s else 0.0

    def report(self) -> str:
        """All of it in a line."""
        if not self.waits:
            return "no chunk was made"
        parts = [f"{self.real_time:.2f} x real time at {self.fps:g} fps", _span("keys to frames", self.waits)]
        if self.answers:
            parts.append(_span("a press to its first frame", self.answers))
        return "; ".join(parts)


def read(text: str, dialect: str = "flythrough") -> Drive:
    """A recorded drive of a .json file, or the drive of keys such as "w-40,jw-20" in a dialect.

    Raises InputError for what is neither, and where something said cannot be.
    """
    drive = Drive.read(text) if Path(text).suffix.lower() == ".json" else Drive.from_keys(text, dialect)
    for event in drive.events:
        if event.say is not None:
            check_prompt(event.say, f"prompt at {event.frame / drive.fps:g} s")
    return drive


def begun(drive: Drive, prompt: str) -> tuple[Drive, str]:
    """A drive and the prompt of its opening: a given one takes the place of what the drive says at the beginning."""
    return (drive.unsaid(), prompt) if prompt else (drive, drive.opening_prompt or "")


def play(drive: Drive, session: Session, figures: Figures) -> Generator[Film]:
    """Fly a drive to its end: frames (n, H, W, 3) uint8 as they are made, drive.frames + 1 in all.

    A prompt is heard from the next chunk on. Keys may change at any frame, as `Session.hold` takes them.
    """
    for span in drive.spans():
        if span.say is not None:
            session.say(span.say)
        for frames in _pieces(span.frames, session.chunk_frames):
            yield from held(session, span.keys, frames, figures)
    film = session.finish()
    if len(film):
        yield film


def held(session: Session, keys: Iterable[str], frames: int, figures: Figures) -> Iterator[Film]:
    """Hold keys for some frames; the film if there is any now."""
    begun = time.perf_counter()
    film = session.hold(keys, frames)
    if len(film):
        figures.waits.append(time.perf_counter() - begun)
        yield film


def _pieces(frames: int, most: int) -> Iterator[int]:
    while frames > 0:
        yield min(frames, most)
        frames -= most


def _span(what: str, seconds: list[float]) -> str:
    return f"{what} {median(seconds):.2f} s, at most {max(seconds):.2f} s"
