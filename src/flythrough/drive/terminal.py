"""Keys from a terminal, which tells of presses and repeats only, never that a key was let go.

A letter is held while it repeats: until REPEAT_S after it was last seen, and FIRST_S after it was first seen, because
keyboards pause before they repeat. Keyboards repeat the last key alone, so a capital letter stays held until it is
typed again: "W", then "d", is w+d. Space lets everything go. Enter begins a prompt, and Enter ends it.
x, Esc or Ctrl-D end the drive.
"""

from __future__ import annotations

import codecs
import os
import select
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from flythrough.camera.keys import Dialect
from flythrough.errors import InputError

REPEAT_S = 0.25
FIRST_S = 0.5
POLL_S = 0.02
ENDS = "xX\x04"
ESCAPE = "\x1b"


class Hands:
    """What hands do at the keys. One thread feeds, another looks."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.ended = False
        self.typed: str | None = None  # of a prompt being written
        self._said: list[str] = []
        self._until: dict[str, float] = {}  # letter -> when it counts as let go
        self._latched: set[str] = set()
        self._taps: dict[str, float] = {}  # pressed since the last look -> when
        self._lock = threading.Lock()

    def feed(self, text: str, now: float) -> None:
        """Characters that were typed at a moment, in seconds of any clock."""
        with self._lock:
            if text == ESCAPE and self.typed is None:
                self.ended = True
            if text.startswith(ESCAPE):  # arrows and function keys come as one piece and mean nothing
                self.typed = None if text == ESCAPE else self.typed
                return
            for letter in text:
                if self.typed is not None or letter in "\r\n":
                    self._write(letter)
                elif letter in ENDS:
                    self.ended = True
                else:
                    self._press(letter, now)

    def look(self, now: float) -> tuple[frozenset[str], float | None]:
        """The keys held now, or tapped since the last look; and when the first of those was newly pressed."""
        with self._lock:
            alive = {letter for letter, until in self._until.items() if until > now}
            held = frozenset(alive | self._latched | self._taps.keys())
            first = min(self._taps.values(), default=None)
            self._until = {letter: self._until[letter] for letter in alive}
            self._taps.clear()
            return held, first

    def said(self) -> list[str]:
        """Prompts that were written since the last call."""
        with self._lock:
            found, self._said = self._said, []
            return found

    def _press(self, letter: str, now: float) -> None:
        small = letter.lower()
        if letter == " ":
            self._latched.clear()
            self._until.clear()
            self._taps.clear()
        elif small not in self.dialect.letters:
            return
        elif letter != small:
            self._latched ^= {small}
            if small in self._latched:
                self._taps.setdefault(small, now)
        elif self._until.get(small, 0.0) > now:
            self._until[small] = max(self._until[small], now + REPEAT_S)
        else:
            self._until[small] = now + FIRST_S
            self._taps.setdefault(small, now)

    def _write(self, letter: str) -> None:
        if letter in "\r\n":
            if self.typed:
                self._said.append(self.typed.strip())
            self.typed = None if self.typed is not None else ""
        elif letter in "\x7f\b":
            self.typed = (self.typed or "")[:-1]
        elif letter.isprintable():
            self.typed = (self.typed or "") + letter


def check_terminal() -> None:
    """Raise InputError unless keys can be read here as they are pressed."""
    try:
        import termios  # noqa: F401
    except ImportError:
        raise InputError("keys cannot be read live on this system; give a recorded drive to play") from None
    if not sys.stdin.isatty():
        raise InputError(
            "nobody is at the keys: standard input is no terminal; give a recorded drive to play"
        )


@contextmanager
def at_the_terminal(hands: Hands) -> Iterator[None]:
    """Feed `hands` with what is typed at standard input, unseen; afterwards the terminal is as it was."""
    import termios
    import tty

    check_terminal()
    file = sys.stdin.fileno()
    before = termios.tcgetattr(file)
    stop = threading.Event()
    reader = threading.Thread(target=_read, args=(file, hands, stop), daemon=True)
    try:
        tty.setcbreak(file)
        reader.start()
        yield
    finally:
        stop.set()
        if reader.ident is not None:
            reader.join()
        termios.tcsetattr(file, termios.TCSAFLUSH, before)


def _read(file: int, hands: Hands, stop: threading.Event) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")("ignore")
    while not stop.is_set():
        ready, _, _ = select.select([file], [], [], POLL_S)
        if not ready:
            continue
        try:
            data = os.read(file, 1024)
        except OSError:  # the terminal was closed
            data = b""
        if not data:
            hands.ended = True
            return
        hands.feed(decoder.decode(data), time.monotonic())
