"""Live flights of a server: opened, flown in turns, put away when nobody is there, and brought back.

A flight in memory is a `Session`, touched by one thread at a time. Its socket comes and goes; a while after it has
gone, the flight is written to disk and leaves the memory, and an `Init` with its name brings it back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from flythrough.camera.keys import Dialect
from flythrough.camera.path import CameraPath
from flythrough.errors import InputError
from flythrough.flight.snapshot import read_snapshot
from flythrough.flight.track import from_rows
from flythrough.presets import Preset
from flythrough.serve.berth import Client, Flight, Made
from flythrough.serve.controls import Controls
from flythrough.serve.hangar import Facts, FlightInfo, Hangar, new_id
from flythrough.serve.models import Models
from flythrough.serve.openings import check, dialect_of, shot_of, steer
from flythrough.serve.realtime import Init, Rejected
from flythrough.serve.turns import Turns

log = logging.getLogger("flythrough.serve")
T = TypeVar("T")
MIB = 2**20
BUSY_S = 1.0  # that a newcomer waits for a place, as at the peer's


@dataclass(frozen=True, kw_only=True)
class LiveLimits:
    """What live flights may take.

    flights      in memory at a time; connections: sockets, with those that wait for one
    kept         on disk; beyond it those go that were not used for the longest time
    idle_s       after which a flight without a socket goes to disk
    save_s       after which one that is flown is written too
    first_frame_bytes, pixels  of an uploaded first frame
    init_s       in which a client must have said what it wants; stall_s: in which it must read what it is sent
    """

    flights: int = 4
    connections: int = 32
    kept: int = 64
    idle_s: float = 120.0
    save_s: float = 60.0
    first_frame_bytes: int = 20 * MIB
    pixels: int = 50_000_000
    init_s: float = 30.0
    stall_s: float = 60.0

    @property
    def message_bytes(self) -> int:
        """The longest message of a client's."""
        return self.first_frame_bytes + MIB


class Flights:
    """All of them. Methods without `async` are quick; work on sessions is done in threads of its own."""

    def __init__(
        self,
        *,
        models: Models,
        turns: Turns,
        folder: Path,
        limits: LiveLimits | None = None,
        on_chunk: Callable[[int, float, float], None] = lambda *_: None,
    ) -> None:
        """folder: for flights at rest; on_chunk(frames, waited_s, made_s) is called in any thread."""
        self.models, self.turns, self.on_chunk = models, turns, on_chunk
        self.limits = limits or LiveLimits()
        self._hangar = Hangar(folder)
        self._all = {facts.id: Flight(facts, kept=True) for facts in self._hangar.all()}
        self._pilots = ThreadPoolExecutor(self.limits.flights + 2, "flight")
        self.packers = ThreadPoolExecutor(self.limits.flights, "frames")
        self._janitor: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self.closing = False
        self.sockets = 0

    async def start(self) -> None:
        """Begin to put idle flights away."""
        self._janitor = asyncio.create_task(self._tidy())

    async def close(self) -> None:
        """Ask everybody to leave, and write every flight to disk."""
        self.closing = True
        if self._janitor is not None:
            self._janitor.cancel()
        for flight in self._all.values():
            if flight.client is not None:
                flight.client.leave(1012, "the server is going down")
        deadline = time.monotonic() + 5
        while any(flight.client for flight in self._all.values()) and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        for flight in list(self._all.values()):
            if flight.session is not None:
                await self._park(flight)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for pool in (self._pilots, self.packers):
            pool.shutdown(wait=True, cancel_futures=True)

    def figures(self) -> dict[str, int]:
        """For /metrics and /v1/ps."""
        flights = self._all.values()
        return {
            "flying": sum(flight.client is not None for flight in flights),
            "in_memory": sum(flight.place for flight in flights),
            "stored": sum(not flight.place for flight in flights),
        }

    def listed(self) -> list[FlightInfo]:
        """The one used last first."""
        flights = sorted(self._all.values(), key=lambda flight: -flight.facts.last_used_at)
        return [self.info(flight) for flight in flights]

    def info(self, flight: Flight) -> FlightInfo:
        """A flight for a list of them."""
        state = "stored" if flight.session is None else "idle"
        if flight.client is not None:
            state = "paused" if flight.client.paused else "flying"
        facts = flight.noted()
        return FlightInfo(
            **facts.model_dump(),
            state=state,  # pyrefly: ignore[bad-argument-type]
            seconds=round(facts.frames_made / facts.fps, 3),
            bytes=self._hangar.bytes(flight.id),
        )

    def get(self, id: str) -> Flight:
        """Raises Rejected where there is none."""
        flight = self._all.get(id)
        if flight is None:
            raise Rejected(f"there is no flight {id!r}", "not_found", "session")
        return flight

    async def board(self, init: Init, client: Client) -> Flight:
        """A new flight, or the one that init names, with this client in it. Raises Rejected or InputError."""
        return await (self._open(init, client) if init.session is None else self._enter(init.session, client))

    def left(self, flight: Flight, client: Client) -> None:
        """The client is gone; the flight is saved and waits."""
        if flight.client is not client:
            return
        flight.client = None
        flight.used()
        if flight.session is not None:
            flight.controls = Controls(flight.at.terms.keys, flight.facts.height, flight.facts.width)
        if not self.closing:
            self._soon(self.save(flight))

    async def work(self, flight: Flight, do: Callable[..., T], *args: Any) -> T:
        """Do something with a flight's session in a thread, when nobody else does; to its end even if cancelled."""
        async with flight.lock:
            future = asyncio.get_running_loop().run_in_executor(self._pilots, do, *args)
            try:
                return await asyncio.shield(future)
            except asyncio.CancelledError:
                await asyncio.wait([future])
                raise

    def make(self, flight: Flight) -> Made:
        """The next chunk, when it is the flight's turn. Not for the event loop."""
        asked = time.monotonic()
        made = self.turns.run(flight.id, flight.make)
        self.on_chunk(len(made.frames), made.begun - asked, made.left - made.begun)
        return made

    async def say(self, flight: Flight, prompt: str, over: int) -> int:
        """Change the prompt; the chunk that hears of it first."""

        def said() -> int:
            flight.changed = True
            flight.at.say(prompt, over)
            return flight.at.chunks_made

        return await self.work(flight, self.turns.run, flight.id, said)

    async def rewind(self, flight: Flight, chunks: int) -> None:
        """Go back; nothing is held any more. Raises InputError beyond what the flight keeps."""
        await self.work(flight, flight.at.rewind, chunks)
        flight.changed = True
        flight.steering.let_go()

    async def fork(self, flight: Flight) -> Flight:
        """A second flight from here. Raises Rejected where there is no place for it."""
        now = time.time()
        facts = flight.noted().model_copy(
            update={"id": new_id(), "created_at": now, "last_used_at": now, "forked_from": flight.id}
        )
        other = await self._place(Flight(facts))
        try:
            other.held.enter_context(self.models.using(facts.model))
            other.session = await self.work(flight, flight.at.fork)
        except BaseException:
            self._forget(other)
            raise
        other.controls = Controls(other.at.terms.keys, facts.height, facts.width)
        other.noted()
        self._soon(self.save(other))
        return other

    async def save(self, flight: Flight) -> None:
        """Write a flight to disk, if anything has happened since it was written last. Raises InputError or OSError."""

        async with flight.pen:
            flight.saved_at = time.monotonic()
            if flight.session is None or not flight.changed:
                return
            still = await self.work(flight, flight.session.fork)  # it flies on while this is written
            facts, flight.changed = flight.noted().model_copy(), False
            try:
                await asyncio.get_running_loop().run_in_executor(
                    self._pilots, self.turns.run, flight.id, self._hangar.keep, still, facts
                )
            except BaseException:
                flight.changed = True
                raise
            flight.kept = True

    async def delete(self, id: str) -> None:
        """Whoever is in it is put out. Raises Rejected where there is none."""
        flight = self.get(id)
        async with flight.door:
            await self._emptied(flight, 4004, "the flight was deleted")
            async with flight.pen, flight.lock:
                self._forget(flight)
                self._hangar.remove(id)

    async def path(self, flight: Flight) -> CameraPath:
        """Where it has been, without bringing it back. Raises InputError where it has not been anywhere."""

        def read() -> CameraPath:
            if flight.session is not None:
                return flight.session.path
            tensors, _ = read_snapshot(self._hangar.snapshot(flight.id))
            rows, facts = tensors["path"], flight.facts
            if not len(rows):
                raise InputError("the flight has no poses yet")
            return CameraPath(*from_rows(rows), facts.height, facts.width, facts.fps)

        return await self.work(flight, read)

    def abandon(self, flight: Flight) -> None:
        """Something broke inside: what is in memory cannot be trusted. What is on disk stays."""
        self._out_of_memory(flight)
        if not flight.kept:
            self._forget(flight)

    async def _open(self, init: Init, client: Client) -> Flight:
        name = self.models.names[0] if init.model is None else init.model
        preset = self.models.preset(name)
        check(init, name, preset)
        dialect, now = dialect_of(init.keys, init.condition_inputs), time.time()
        facts = Facts(
            id=new_id(),
            model=name,
            prompt=init.prompt,
            keys=dialect.name,
            width=preset.width,
            height=preset.height,
            fps=preset.fps,
            rewinds=init.rewinds,
            created_at=now,
            last_used_at=now,
        )
        controls = Controls(dialect, preset.height, preset.width)
        steer(controls, init.condition_inputs)
        flight = await self._place(Flight(facts, controls=controls, client=client))
        try:
            await self.work(flight, self.turns.run, flight.id, self._opened, flight, init, dialect, preset)
        except BaseException:
            self._forget(flight)
            raise
        return flight

    def _opened(self, flight: Flight, init: Init, dialect: Dialect, preset: Preset) -> None:
        shot = shot_of(init, preset, self.limits.pixels)
        pipeline = flight.held.enter_context(self.models.using(flight.facts.model))
        flight.session = pipeline.open(shot, keys=dialect, rewinds=init.rewinds)

    async def _enter(self, id: str, client: Client) -> Flight:
        flight = self.get(id)
        async with flight.door:
            await self._emptied(flight, 4001, "taken over")
            if self._all.get(id) is not flight:
                raise Rejected(f"there is no flight {id!r}", "not_found", "session")
            if not flight.place:
                await self._place(flight)
                try:
                    await self.work(flight, self.turns.run, flight.id, self._restored, flight)
                except BaseException:
                    self._out_of_memory(flight)
                    raise
            flight.client = client
            flight.used()
        return flight

    def _restored(self, flight: Flight) -> None:
        facts = flight.facts
        pipeline = flight.held.enter_context(self.models.using(facts.model))
        path = self._hangar.snapshot(facts.id)
        try:
            flight.session = pipeline.restore(path, rewinds=facts.rewinds)
        except InputError as error:
            text = str(error).removeprefix(f"{path}: ")  # where files lie is nobody's business
            raise Rejected(f"the flight cannot be brought back: {text}", "lost", "session") from error
        flight.controls = Controls(flight.at.terms.keys, facts.height, facts.width)
        flight.changed, flight.kept = False, True

    async def _emptied(self, flight: Flight, code: int, reason: str) -> None:
        while flight.client is not None:
            flight.client.leave(code, reason)
            await asyncio.sleep(0.02)

    async def _place(self, flight: Flight) -> Flight:
        """Give a flight a place in memory; others that nobody is in make room."""
        deadline = time.monotonic() + BUSY_S
        while sum(other.place for other in self._all.values()) >= self.limits.flights:
            idle = [o for o in self._all.values() if o.session and o.client is None and not o.lock.locked()]
            if idle and await self._park(min(idle, key=lambda other: other.facts.last_used_at)):
                continue
            if time.monotonic() > deadline:
                text = f"all {self.limits.flights} flights are taken; try again when one has landed"
                raise Rejected(text, "busy", retryable=True)
            await asyncio.sleep(0.1)
        flight.place, flight.saved_at = True, time.monotonic()
        self._all[flight.id] = flight
        return flight

    async def _park(self, flight: Flight) -> bool:
        """Write a flight to disk and let it go, unless somebody comes; whether it has gone."""
        try:
            await self.save(flight)
        except (InputError, OSError) as error:
            log.error("flight %s cannot be written and stays in memory: %s", flight.id, error)
            flight.used()
            return False
        busy = flight.lock.locked() or flight.door.locked() or flight.pen.locked()
        if flight.client is not None or flight.changed or busy:
            return False
        self._out_of_memory(flight)
        return True

    def _out_of_memory(self, flight: Flight) -> None:
        flight.noted()
        flight.session = flight.controls = None
        flight.place = False
        flight.held.close()

    def _forget(self, flight: Flight) -> None:
        self._out_of_memory(flight)
        self._all.pop(flight.id, None)

    async def _tidy(self) -> None:
        """Now and then: idle flights to disk, flown ones saved, the oldest ones away."""
        while True:
            await asyncio.sleep(min(self.limits.idle_s / 4, 5))
            now, clock = time.time(), time.monotonic()
            for flight in list(self._all.values()):
                try:
                    if flight.session is None:
                        continue
                    if flight.client is None and now - flight.facts.last_used_at > self.limits.idle_s:
                        await self._park(flight)
                    elif clock - flight.saved_at > self.limits.save_s:
                        await self.save(flight)
                except Exception:  # one flight's trouble is not the others'
                    log.exception("flight %s cannot be put away", flight.id)
            self._prune()

    def _prune(self) -> None:
        stored = [flight for flight in self._all.values() if not flight.place and not flight.door.locked()]
        stored.sort(key=lambda flight: (flight.facts.frames_made > 0, flight.facts.last_used_at))
        for flight in stored[: max(0, len(stored) - self.limits.kept)]:
            self._forget(flight)
            self._hangar.remove(flight.id)

    def _soon(self, coroutine: Any) -> None:
        """Run in the background, and say so if it fails."""

        async def run() -> None:
            try:
                await coroutine
            except (InputError, OSError) as error:
                log.error("a flight cannot be written: %s", error)

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
