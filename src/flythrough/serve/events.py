"""News for everybody who listens: made in any thread, read on the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Key = tuple[str, str]  # (event, the id of what it is about)
MOST_LISTENERS = 512


class Events:
    """Hands news to listeners. Of the same thing only the newest is kept, so a slow reader costs no memory."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._lock = threading.Lock()

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def tell(self, event: str, id: str, data: str) -> None:
        """Tell all who listen to everything, or to this id. data is JSON."""
        with self._lock:
            concerned = [one for one in self._listeners if one.only in (None, id)]
        for listener in concerned:
            listener.hear((event, id), data)

    @contextmanager
    def listening(self, only: str | None = None) -> Iterator[Listener]:
        """Listen for the length of a block, on the event loop, to one id or to all."""
        listener = Listener(only, asyncio.get_running_loop())
        with self._lock:
            self._listeners.add(listener)
        try:
            yield listener
        finally:
            with self._lock:
                self._listeners.discard(listener)

    def close(self) -> None:
        """There is no more news: everybody stops listening. On the event loop."""
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener.end()

    @property
    def full(self) -> bool:
        return len(self._listeners) >= MOST_LISTENERS


@dataclass(eq=False)
class Listener:
    """Somebody who reads news as fast as they can."""

    only: str | None
    loop: asyncio.AbstractEventLoop
    ended: bool = False
    _news: dict[Key, str] = field(default_factory=dict)
    _some: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, key: Key, data: str) -> None:
        """From any thread."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._put, key, data)

    def end(self) -> None:
        """On the event loop."""
        self.ended = True
        self._some.set()

    async def news(self, heartbeat_s: float) -> AsyncIterator[tuple[str, str] | None]:
        """(event, data) as they come; None after every heartbeat_s without any. Ends with the server."""
        while not self.ended:
            try:
                async with asyncio.timeout(heartbeat_s):
                    await self._some.wait()
            except TimeoutError:
                yield None
                continue
            self._some.clear()
            news, self._news = self._news, {}
            for (event, _), data in news.items():
                yield event, data

    def _put(self, key: Key, data: str) -> None:
        self._news.pop(key, None)  # to the end
        if key[0] == "gone":
            for event in ("job", "preview"):
                self._news.pop((event, key[1]), None)
        self._news[key] = data
        self._some.set()
