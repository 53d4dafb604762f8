"""A session under somebody's hands, in time with the clock, and recorded."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path

from flythrough.camera.drive import Drive, Event, spelled
from flythrough.camera.keys import MOST_FRAMES
from flythrough.drive.play import Figures, held
from flythrough.drive.terminal import Hands, at_the_terminal
from flythrough.errors import InputError
from flythrough.media import Film
from flythrough.session import Session


class Recorder:
    """Writes down what is held and said, to be played again."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.frames = 0
        self._keys: frozenset[str] = frozenset()

    def hold(self, keys: Iterable[str], frames: int) -> None:
        keys = frozenset(keys)
        if keys != self._keys:
            self.events.append(Event(frame=self.frames, keys=keys))
        self._keys = keys
        self.frames += frames

    def say(self, prompt: str) -> None:
        self.events.append(Event(frame=self.frames, say=prompt))

    def drive(self, session: Session, prompt: str = "") -> Drive | None:
        """The drive so far, through the session's lens, or None of no frames. prompt: of its opening, if any."""
        if not self.frames:
            return None
        early = any(event.frame == 0 and event.say is not None for event in self.events)
        opening = [Event(frame=0, say=prompt)] if prompt or early else []
        path = session.path
        return Drive(
            events=(*opening, *self.events),
            frames=self.frames,
            dialect=session.terms.keys.name,
            fps=path.fps,
            height=path.height,
            width=path.width,
            lens=session.terms.lens,
        )


def fly(
    session: Session,
    hands: Hands,
    recorder: Recorder,
    figures: Figures,
    *,
    show: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Film]:
    """Frames (n, H, W, 3) uint8 as they are made, until the hands end it or an hour has passed.

    At every beat, a chunk's time apart, the keys held then are flown for a chunk; where chunks take longer than they
    last, the next beat is at once. show is given a line about the flight after each.
    """
    step, fps = session.chunk_frames, session.terms.fps
    beat, shown_at = clock(), clock()
    while not hands.ended and recorder.frames + step <= MOST_FRAMES:
        for prompt in hands.said():
            _say(session, recorder, prompt, show)
        keys, pressed = hands.look(clock())
        recorder.hold(keys, step)
        for film in held(session, keys, step, figures):
            if pressed is not None:
                figures.answers.append(clock() - pressed)
            now = clock()
            rate, shown_at = len(film) / max(now - shown_at, 1e-6), now
            yield film
            show(_line(session, hands, figures, keys, recorder.frames / fps, rate))
        beat = max(beat + step / fps, clock())
        while not hands.ended and (left := beat - clock()) > 0:
            sleep(min(left, 0.02))
    if recorder.frames:
        film = session.finish()
        if len(film):
            yield film


def recorded(session: Session, figures: Figures, record: Path, prompt: str = "") -> Generator[Film]:
    """Fly a session with this terminal's keys; however it ends, the drive so far is written.

    prompt: the one the session was opened with. Raises InputError where there is no terminal, or nothing was flown.
    """
    recorder, hands = Recorder(), Hands(session.terms.keys)
    letters = " ".join(session.terms.keys.letters)
    help = f"{letters} drive, capitals stay held, space lets go, Enter begins a prompt, x ends"
    try:
        with at_the_terminal(hands):
            print(help, file=sys.stderr, flush=True)  # what was typed before counts for nothing
            yield from fly(session, hands, recorder, figures, show=_show)
    finally:
        _show("")
        drive = recorder.drive(session, prompt)
        if drive is not None:
            drive.write(record)
    if drive is None:
        raise InputError("the drive ended before its first frame")


def _show(line: str) -> None:
    """One line at the bottom of the terminal."""
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r\x1b[K{line[:width]}", end="", file=sys.stderr, flush=True)


def _say(session: Session, recorder: Recorder, prompt: str, show: Callable[[str], None]) -> None:
    try:
        session.say(prompt)
    except InputError as error:  # a flight does not end because of a prompt that is too long
        show(str(error))
    else:
        recorder.say(prompt)


def _line(
    session: Session, hands: Hands, figures: Figures, keys: frozenset[str], seconds: float, rate: float
) -> str:
    if hands.typed is not None:
        return f"say: {hands.typed}"
    what = spelled(keys, session.terms.keys) or "nothing"
    return f"{seconds:6.1f} s  {rate:4.1f} fps  {figures.waits[-1]:.2f} s to a frame  held: {what}"
