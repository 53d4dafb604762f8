"""The device in turns: one at a time, a chunk each, so that nobody waits for somebody else's whole video.

All work on the device is done by one thread. On a CPU, torch keeps a team of helpers for every thread that has worked
with it, and where teams outnumber cores none of their helpers waits awake any more: a second thread halves the speed.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class Turns:
    """A fair lock: whoever has waited is served round robin over `who`, and first come first served within one.

    frames = turns.run("session 3", session.push, "w-8")  # one chunk
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._device = ThreadPoolExecutor(1, "device")
        self._busy: str | None = None
        self._waiting: dict[str, deque[threading.Event]] = {}  # in the order in which they get their turn

    def run(self, who: str, do: Callable[..., T], *given: Any) -> T:
        """Wait for a turn and have the device's thread do something; what it returns, or raises."""
        with self.take(who):
            return self._device.submit(do, *given).result()

    @contextmanager
    def take(self, who: str) -> Iterator[None]:
        """Wait for a turn, in any thread but never on the event loop, and have it for the block."""
        ticket = threading.Event()
        with self._lock:
            if self._busy is None:
                self._busy = who
                ticket.set()
            else:
                self._waiting.setdefault(who, deque()).append(ticket)
        try:
            ticket.wait()
        except BaseException:  # Ctrl-C while waiting
            self._leave(who, ticket)
            raise
        try:
            yield
        finally:
            self._next()

    @property
    def waiting(self) -> int:
        """How many wait now."""
        with self._lock:
            return sum(map(len, self._waiting.values()))

    @property
    def holder(self) -> str | None:
        """Whose turn it is."""
        return self._busy

    def _next(self) -> None:
        with self._lock:
            if not self._waiting:
                self._busy = None
                return
            who = next(iter(self._waiting))
            tickets = self._waiting.pop(who)
            self._busy = who
            tickets.popleft().set()
            if tickets:
                self._waiting[who] = tickets  # to the end of the row

    def _leave(self, who: str, ticket: threading.Event) -> None:
        with self._lock:
            tickets = self._waiting.get(who, deque())
            if ticket in tickets:
                tickets.remove(ticket)
                if not tickets:
                    del self._waiting[who]
                return
        self._next()  # the turn came in that very moment
