"""One client in a live flight: its messages in, its frames out, and the loop that flies.

Three tasks share nothing but a queue of one chunk, a short row of commands, and a counter of how often the flight went
back. A client that does not read stops its own flight and nobody else's.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

from starlette.websockets import WebSocket

from flythrough.errors import InputError
from flythrough.serve.berth import Flight, Made
from flythrough.serve.flights import Flights
from flythrough.serve.pace import Pace
from flythrough.serve.parcels import Chunk, Packer, Parcel, wire
from flythrough.serve.realtime import (
    Action,
    CameraActions,
    Event,
    Init,
    NewPrompt,
    Plain,
    Poses,
    Rejected,
    Rewind,
    Say,
    Shown,
    event_of,
    pack,
)

log = logging.getLogger("flythrough.serve")
COMMANDS = 16  # that may wait
CHUNKS_AWAY = 3  # not shown yet, of a client that says what it shows
ERRORS = 20  # in a row, and the client is put out
MESSAGES_PER_S = 240  # that are read; the rest waits in the network


@dataclass(frozen=True)
class End:
    """Nothing comes after this."""

    code: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Aloft:
    """A chunk whose frames may still be in the making; frames: how many of them the client gets. Others as in Chunk."""

    made: Made
    frames: int
    asked: float
    waited_s: float
    ahead_s: float
    epoch: int


Outgoing: TypeAlias = Aloft | dict[str, Any] | bytes | End


class Cockpit:
    """A client and what it asked for; `fly` lasts as long as it stays."""

    def __init__(self, socket: WebSocket, flights: Flights, init: Init) -> None:
        self._socket, self._flights, self._init = socket, flights, init
        self.paused = init.paused
        self._out: asyncio.Queue[Outgoing] = asyncio.Queue(maxsize=1)
        self._commands: deque[Say | Rewind | Plain] = deque()
        self._wake = asyncio.Event()
        self._ended: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._epoch = self._index = 0
        self._shown: int | None = None
        self._done = 0  # chunks flown
        self._decode_s = 0.0  # until the frames of the last one were there, after its turn
        self._second, self._messages = 0, 0

    def leave(self, code: int, reason: str) -> None:
        """End it from outside."""
        if not self._ended.done():
            self._ended.set_result(End(code, reason))

    async def fly(self, flight: Flight) -> End:
        """Until the client leaves, or the flight ends; how."""
        self._flight = flight
        self._pace = Pace(flight.facts.fps, flight.at.chunk_frames, self._init.realtime_output_pacing)
        self._packer = Packer(self._init, flight.id, flight.facts.fps)
        if self._init.extensions:
            await self._socket.send_bytes(pack(self._welcome()))
        tasks = [
            asyncio.ensure_future(part) for part in (self._read(), self._pilot(), self._send(), self._ended)
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            failed = [task for task in done if task.exception() is not None]
            return (failed or list(done))[0].result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> End:
        """Messages, until there are no more. Controls are heard at once, commands between chunks."""
        errors = 0
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return End(message.get("code", 1005), "")
            event: Event | None = None
            try:
                event = event_of(binary(message))
                self._take(event)
                errors = 0
            except InputError as error:
                errors += 1
                await self._out.put(error_message(error, event.event_id if event else None))
            if errors >= ERRORS:
                return End(1008, "too many messages that make no sense")
            self._wake.set()
            await self._breathe()

    def _take(self, event: Event) -> None:
        if isinstance(event, (CameraActions, Action, Poses)):
            self._flight.steering.hear(event)
        elif isinstance(event, Shown):
            self._shown = max(event.payload.frame, self._shown or 0)
        elif len(self._commands) >= COMMANDS:
            raise Rejected(f"{COMMANDS} commands wait already", "queue_full", retryable=True)
        else:
            self._commands.append(event)

    async def _breathe(self) -> None:
        """Let the others have their time, however many messages come."""
        second = int(time.monotonic())
        self._messages = self._messages + 1 if second == self._second else 1
        self._second = second
        if self._messages >= MESSAGES_PER_S:
            await asyncio.sleep(1 - time.monotonic() % 1)

    async def _pilot(self) -> End:
        """Chunk after chunk, as long as there is somewhere to go and somebody who looks."""
        free = time.monotonic()
        while True:
            self._wake.clear()
            while self._commands:
                end = await self._obey(self._commands.popleft())
                if end is not None:
                    return await self._last(end)
            if self._complete:
                return await self._last(End(1000, "generation complete"))
            if (wait := self._wait_s()) != 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._wake.wait()
                continue
            asked = time.monotonic()
            try:
                made = await self._flights.work(self._flight, self._flights.make, self._flight)
            except InputError as error:  # poses that this flight cannot follow; they are gone
                await self._out.put(error_message(error))
                continue
            await self._out.put(self._aloft(made, asked, asked - free))
            free = time.monotonic()

    def _wait_s(self) -> float | None:
        """Seconds until the next chunk is to be begun; None: until something happens."""
        if self.paused or not self._flight.ready:
            return None
        session = self._flight.at
        if self._shown is not None:
            away = session.frames_made - 1 - self._shown
            if away >= CHUNKS_AWAY * session.chunk_frames:
                return None
        now = time.monotonic()
        return max(0.0, self._pace.begin_at(now) - now)

    @property
    def _complete(self) -> bool:
        init = self._init
        enough = init.num_frames is not None and self._flight.at.frames_made >= init.num_frames
        return enough or (init.max_chunks is not None and self._done >= init.max_chunks)

    def _aloft(self, made: Made, asked: float, waited_s: float) -> Aloft:
        frames = len(made.frames)
        if self._init.num_frames is not None:
            frames = min(frames, max(1, self._init.num_frames - made.frames.start))
        self._done += 1
        there = made.left + self._decode_s
        ahead_s = self._pace.ahead(there)
        self._pace.made(frames, there - asked, there)
        return Aloft(
            made=made,
            frames=frames,
            asked=asked,
            waited_s=waited_s if self._init.realtime_output_pacing else 0.0,
            ahead_s=ahead_s,
            epoch=self._epoch,
        )

    def _packed(self, aloft: Aloft) -> tuple[Chunk, Parcel]:
        """Wait for a chunk's frames, and put them into their form. Slow: not for the event loop."""
        made, taken = aloft.made, time.monotonic()
        film = made.coming.film()[: aloft.frames]
        self._decode_s = time.monotonic() - max(made.left, taken)
        chunk = Chunk(
            film=film,
            index=self._index,
            request_id=secrets.token_hex(8),
            first=made.frames.start,
            poses=made.poses,
            heard=made.heard,
            begun=made.begun,
            asked=aloft.asked,
            waited_s=aloft.waited_s,
            made_s=made.left - made.begun + self._decode_s,
            ahead_s=aloft.ahead_s,
            prompt_share=made.prompt_share,
            epoch=aloft.epoch,
        )
        return chunk, self._packer.pack(chunk)

    async def _last(self, end: End) -> End:
        """The end, when all before it has been sent."""
        await self._out.put(end)
        return await asyncio.shield(self._ended)  # the sender ends it first

    async def _obey(self, event: Say | Rewind | Plain) -> End | None:
        """A command between two chunks, and its answer."""
        try:
            answer = await self._answer(event)
        except InputError as error:
            await self._out.put(error_message(error, event.event_id))
            return None
        if isinstance(answer, End):
            return answer
        if self._init.extensions:
            id = {} if event.event_id is None else {"event_id": event.event_id}
            await self._out.put(await asyncio.to_thread(pack, answer | id))  # a path may be long
        return None

    async def _answer(self, event: Say | Rewind | Plain) -> dict[str, Any] | End:
        flights, flight = self._flights, self._flight
        if isinstance(event, Say):
            new = event.payload if isinstance(event.payload, NewPrompt) else NewPrompt(prompt=event.payload)
            chunk = await flights.say(flight, new.prompt, new.over)
            return {"type": "prompted", "prompt": new.prompt, "over": new.over, "chunk": chunk}
        if isinstance(event, Rewind):
            await flights.rewind(flight, event.payload.chunks)
            self._epoch += 1
            self._pace.restart()
            self._shown = None if self._shown is None else flight.at.frames_made - 1
            return {"type": "rewound"} | self._standing()
        if event.kind == "fork":
            other = await flights.fork(flight)
            return {"type": "forked", "session_id": other.id, "frames_made": other.at.frames_made}
        if event.kind == "path":
            path = await flights.path(flight)
            return {"type": "path"} | await asyncio.to_thread(path_dict, path)
        if event.kind == "snapshot":
            await flights.save(flight)
            return {"type": "snapshot", "session_id": flight.id, "bytes": flights.info(flight).bytes}
        if event.kind == "stop":
            return End(1000, "stopped")
        self.paused = event.kind == "pause"
        if self.paused:
            return {"type": "paused"} | self._standing()
        self._pace.restart()
        return {"type": "resumed"} | self._standing()

    def _standing(self) -> dict[str, Any]:
        session = self._flight.at
        facts = {"frames_made": session.frames_made, "poses_known": session.poses_known}
        return facts | {"rewindable": session.rewindable}

    def _welcome(self) -> dict[str, Any]:
        flight, session = self._flight, self._flight.at
        facts = {
            "type": "session",
            "session_id": flight.id,
            "model": flight.facts.model,
            "width": flight.facts.width,
            "height": flight.facts.height,
            "fps": flight.facts.fps,
            "chunk_frames": session.chunk_frames,
            "prompt": session.prompt,
            "rewinds": flight.facts.rewinds,
            "keys": session.terms.keys.name,
            "letters": list(session.terms.keys.letters),
            "paused": self.paused,
            "resumed": self._init.session is not None,
        }
        return facts | self._standing()

    async def _send(self) -> End:
        """Whatever is in the queue, in its order; frames from before a way back are left out."""
        while True:
            item = await self._out.get()
            if isinstance(item, End):
                return item
            try:
                if isinstance(item, Aloft):
                    await self._send_chunk(item)
                else:
                    await self._put(item if isinstance(item, bytes) else pack(item))
            except TimeoutError:
                return End(1008, "frames are not read")

    async def _send_chunk(self, aloft: Aloft) -> None:
        chunk, parcel = await asyncio.get_running_loop().run_in_executor(
            self._flights.packers, self._packed, aloft
        )
        if aloft.epoch != self._epoch:
            return
        self._index += 1
        begun, heading = time.perf_counter(), 0.0
        for number, (header, payload) in enumerate(parcel.batches):
            arrived, first = chunk.heard.arrived, number == 0
            late = None if arrived is None else round((time.monotonic() - arrived) * 1000)
            head, *rest = wire(header | {"control_ms": late}, payload)
            before = time.perf_counter()
            await self._put(head)
            heading += time.perf_counter() - before
            for message in rest:
                await self._put(message)
            if first and self._ended.done():
                return
        await self._put(pack(self._stats(chunk, parcel, heading, time.perf_counter() - begun)))

    def _stats(self, chunk: Chunk, parcel: Parcel, heading_s: float, writing_s: float) -> dict[str, Any]:
        seconds = {
            "request_prepare_ms": chunk.begun - chunk.asked,
            "scheduler_forward_ms": chunk.made_s,
            "pace_wait_ms": chunk.waited_s,
            "header_write_ms": heading_s,
            "raw_payload_build_ms": parcel.build_s,
            "raw_write_ms": writing_s - heading_s,
            "ws_write_ms": writing_s,
            "chunk_total_ms": time.monotonic() - chunk.asked,
        }
        return {
            "type": "chunk_stats",
            "session_id": self._flight.id,
            "request_id": chunk.request_id,
            "chunk_index": chunk.index,
            "event_id": chunk.heard.event_id,
            **{name: max(0, round(value * 1000)) for name, value in seconds.items()},
            "num_batches": len(parcel.batches),
            "num_frames": len(chunk.film),
            "raw_bytes": chunk.film.nbytes,
            "ws_payload_bytes": parcel.bytes,
            "content_type": parcel.content_type,
        }

    async def _put(self, message: bytes) -> None:
        """Raises TimeoutError where the client does not read."""
        async with asyncio.timeout(self._flights.limits.stall_s):
            await self._socket.send_bytes(message)


def binary(message: Any) -> bytes:
    """The bytes of a message; raises Rejected for text."""
    data = message.get("bytes")
    if data is None:
        raise Rejected("the message is text; messages are binary msgpack maps", "bad_message")
    return data


def error_message(error: Exception, event_id: int | None = None) -> dict[str, Any]:
    """What the client is told of an error."""
    known = error if isinstance(error, Rejected) else Rejected(str(error))
    message = {"type": "error", "content": str(known), "code": known.code, "param": known.param}
    return message | {"retryable": known.retryable} | ({} if event_id is None else {"event_id": event_id})


def path_dict(path: Any, every: int = 1) -> dict[str, Any]:
    """A camera path in plain types, each `every`th pose of it and the last."""
    at = sorted({*range(0, path.frames, every), path.frames - 1})
    return {
        "c2w": path.c2w[at].tolist(),
        "intrinsics": path.intrinsics[at].tolist(),
        "width": path.width,
        "height": path.height,
        "fps": path.fps,
        "frames": path.frames,
    }
