"""Flights on a Ray cluster: the model works there, the film and its state are written here.

Ray decides where a worker runs, restarts one that died, elsewhere if need be, and asks it again for what it still owed.
Every such request names the flight's last state, so a worker that remembers nothing begins there and gives the same
frames. Frames and states travel through Ray's object store: no disk is shared, and here nobody notices a death.
"""

from __future__ import annotations

import os
import secrets
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import torch

from flythrough import __version__
from flythrough.errors import InputError
from flythrough.media import Film
from flythrough.media.files import save_bytes
from flythrough.pipeline import Pipeline
from flythrough.shot import Shot

if TYPE_CHECKING:
    from flythrough.presets import Preset

TOGETHER = 8  # chunks between two states where nobody asks for any: what a death costs at most
IDLE_S = 5.0  # that a worker is kept for a next film while another film waits for an answer
RETRIES = 20  # deaths of workers over the same chunk: then the film itself is what kills them


class LostError(RuntimeError):
    """The cluster could not do it, though nothing is wrong with what was asked."""


class LeftError(Exception):
    """`Cluster.leave` was called."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A model as a worker loads it: a name, or a folder that every machine of the cluster has."""

    model: str = "mini"
    random_weights: bool = False
    seed: int = 0  # of random weights
    refine: bool = True

    def load(self, device: str) -> Pipeline:
        if self.random_weights:
            return Pipeline.random(self.model, self.seed, device=device, refine=self.refine)
        return Pipeline.load(self.model, device=device, refine=self.refine)


class Facts(NamedTuple):
    """What a film writer must know of a pipeline."""

    preset: Preset
    device: torch.device
    metadata: dict[str, Any]


class Leg(NamedTuple):
    """One film of a flight and where the flight is after it. film: None after the last one."""

    film: Film | None
    frames_made: int = 0
    chunks_made: int = 0


State = np.ndarray  # the bytes of a snapshot


class Stage(NamedTuple):
    """Where a flight can begin: a state, None for its first frame, after so many of the flight's films."""

    state: State | None
    films: int


class Worker:
    """A model in a process of the cluster. What it remembers only saves time: each call says all that it needs."""

    def __init__(self, choice: Choice, device: str) -> None:
        self._choice, self._device = choice, device
        self._pipeline: Pipeline | None = None
        self._at: tuple[str, int] | None = None  # the flight, and the number of its film that comes next
        self._films: Iterator[tuple[Leg, State | None]] = iter(())

    def facts(self) -> Facts:
        """Load the model; raises InputError where it cannot be."""
        pipeline = self._loaded()
        return Facts(pipeline.preset, pipeline.device, pipeline.metadata())

    def looked_at(self, state: State) -> Leg:
        """How far a state is; raises InputError if it is damaged or of another model."""
        session = _restored(self._loaded(), state)
        return Leg(None, session.frames_made, session.chunks_made)

    def film(
        self,
        flight: str,
        number: int,
        shot: Shot,
        stage: State | None,
        films: int,
        together: int,
        threads: int,
    ) -> tuple[Leg, State | None]:
        """Film `number` of a flight, and a state if one is due after it.

        stage, films  where to begin if this worker is not there yet, see Stage
        together      chunks between two states
        threads       of a CPU; as many give the same frames
        """
        if self._at != (flight, number):
            self._at = None
            if self._device == "cpu":
                torch.set_num_threads(threads)
            self._films = _flown(self._loaded(), shot, stage, together)
            for _ in range(number - films):
                next(self._films, None)
        made = next(self._films, (Leg(None), None))
        self._at = flight, number + 1
        return made

    def _loaded(self) -> Pipeline:
        if self._pipeline is None:
            self._pipeline = self._choice.load(self._device)
        return self._pipeline


def _flown(
    pipeline: Pipeline, shot: Shot, state: State | None, together: int
) -> Iterator[tuple[Leg, State | None]]:
    """The films that are left of a flight; every `together` chunks with a state."""
    session = None
    if pipeline.preset.sampling.order == "stream":
        session = pipeline.open(shot) if state is None else _restored(pipeline, state)
    given = session.frames_made if session else 0
    for film in pipeline.generate(shot, session=session, together=together):
        given += len(film)
        due = session is not None and session.chunks_made % together == 0 and given < shot.frames
        if session is None or not due or given != session.frames_made:  # a GPU may be ahead of its films
            yield Leg(film), None
        else:
            yield Leg(film, session.frames_made, session.chunks_made), _snapshot(session)


def _restored(pipeline: Pipeline, state: State) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.safetensors"
        state.tofile(path)
        return pipeline.restore(path)


def _snapshot(session: Any) -> State:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.safetensors"
        session.snapshot(path)
        return np.fromfile(path, np.uint8)


@dataclass
class Place:
    """How far a flight is, as of its newest state here: what a film writer asks of a Session."""

    frames_made: int = 0
    chunks_made: int = 0
    state: State | None = None

    def snapshot(self, path: str | Path) -> None:
        """As Session.snapshot."""
        assert self.state is not None
        try:
            save_bytes(Path(path), self.state.tobytes())
        except OSError as error:
            raise InputError(f"{path}: the snapshot cannot be written ({error.strerror or error})") from error


class Remote:
    """A pipeline on the cluster: what a film writer asks of a Pipeline."""

    def __init__(self, cluster: Cluster, worker: Any, facts: Facts) -> None:
        self._cluster, self._worker = cluster, worker
        self.preset, self.device, self._metadata = facts

    def metadata(self) -> dict[str, Any]:
        return self._metadata

    def open(self, shot: Shot) -> Place:
        return Place()

    def restore(self, path: str | Path) -> Place:
        """As Pipeline.restore."""
        try:
            state = np.fromfile(path, np.uint8)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
        try:
            leg = self._cluster.get(self._worker.looked_at.remote(state))
        except InputError as error:  # names the worker's copy
            raise InputError(f"{path}: {str(error).partition(': ')[2]}") from None
        return Place(leg.frames_made, leg.chunks_made, state)

    def generate(
        self, shot: Shot, on_progress: object = None, *, session: Place | None = None, together: int = 0
    ) -> Iterator[Film]:
        """As Pipeline.generate. While a film is used, the worker makes the next."""
        import ray

        place = session or Place()
        flight, given = secrets.token_hex(8), ray.put(shot)
        common = (together or TOGETHER, torch.get_num_threads())

        def ask(number: int, stage: Any, films: int) -> Any:
            ask_for = self._worker.film.options(num_returns=2)
            return ask_for.remote(flight, number, given, stage, films, *common)

        stage, films, number = None if place.state is None else ray.put(place.state), 0, 0
        coming = ask(number, stage, films)
        while True:
            now, later = coming
            coming = ask(number + 1, stage, films)
            leg = self._cluster.get(now)
            if leg.film is None:
                return
            number += 1
            if leg.chunks_made:
                place.state = self._cluster.get(later)
                place.frames_made, place.chunks_made = leg.frames_made, leg.chunks_made
                stage, films = ray.put(place.state), number  # lies here now: the other machine may go
            yield leg.film


@dataclass
class _Idle:
    choice: Choice
    worker: Any
    facts: Facts
    since: float = field(default_factory=time.monotonic)


class Cluster:
    """A Ray cluster that this process belongs to, and its idle workers. Safe from threads."""

    def __init__(self, address: str, device: str | None = None) -> None:
        """Connect; raises InputError.

        address  host:port of a cluster that this machine is part of, "auto" to look for it, or "local": a new one of
                 this machine alone, which ends with the process
        device   cuda: a GPU for each worker, the default where the cluster has any; cpu: as many cores as torch has
                 threads here
        """
        ray = _connected(address)
        self._leaving, self._lock = threading.Event(), threading.Lock()
        self._idle: list[_Idle] = []
        total = ray.cluster_resources()
        self.device = device or ("cuda" if total.get("GPU") else "cpu")
        self._threads = torch.get_num_threads()
        if self.device == "cpu":
            cores = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
            self.at_once = sum(count // self._threads for count in cores)
            if not self.at_once:
                ray.shutdown()
                raise InputError(
                    f"the cluster at {address} has no machine with {self._threads} cores for a worker, as many as torch"
                    f" uses here; OMP_NUM_THREADS={max(cores, default=0) or 1} makes them fewer"
                )
        else:
            self.at_once = int(total.get("GPU", 0))
            if not self.at_once:
                ray.shutdown()
                raise InputError(f"the cluster at {address} has no GPU; --device cpu does without")

    @contextmanager
    def using(self, choice: Choice) -> Iterator[Pipeline]:
        """A model on the cluster, for one flight at a time; waits until there is room.

        Raises InputError where the model cannot be loaded, LostError where workers die, LeftError.
        """
        idle = self._taken(choice)
        if idle is None:
            worker = self._new(choice)
            facts = self.get(worker.facts.remote())
            if facts.metadata["flythrough"] != __version__:
                raise InputError(
                    f"the cluster has flythrough {facts.metadata['flythrough']}, this is {__version__};"
                    " all machines need the same"
                )
            idle = _Idle(choice, worker, facts)
        yield cast(Pipeline, Remote(self, idle.worker, idle.facts))  # as far as resume.Flight asks
        with self._lock:
            self._idle.append(_Idle(choice, idle.worker, idle.facts))

    def get(self, asked: Any) -> Any:
        """Wait for an answer; raises what the worker raised, LostError, or LeftError."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        try:
            while not ray.wait([asked], timeout=0.5)[0]:
                if self._leaving.is_set():
                    raise LeftError
                self.release_idle(IDLE_S)  # it may be their room that is waited for
            return ray.get(asked)
        except RayTaskError as error:
            raise error.cause from None
        except RayError as error:
            reason = " ".join(str(error).split())[:300]
            raise LostError(f"the cluster could not go on, and has tried {RETRIES} times: {reason}") from None

    def release_idle(self, after_s: float = 0.0) -> None:
        """Give back what workers hold that were not used for so long."""
        late = time.monotonic() - after_s
        with self._lock:
            self._idle = [
                idle for idle in self._idle if idle.since > late
            ]  # Ray ends a worker nobody refers to

    def leave(self) -> None:
        """Wait for nothing any more; flights stay as they are, each with its last state."""
        self._leaving.set()

    def close(self) -> None:
        """Leave the cluster; its workers for this process end."""
        import ray

        self.leave()
        self._idle.clear()
        ray.shutdown()

    def _taken(self, choice: Choice) -> _Idle | None:
        """An idle worker with this model. If there is none, one with another model makes room."""
        with self._lock:
            for place, idle in enumerate(self._idle):
                if idle.choice == choice:
                    return self._idle.pop(place)
            if self._idle:
                self._idle.pop(0)
            return None

    def _new(self, choice: Choice) -> Any:
        import ray

        kind: Any = ray.remote(max_restarts=-1, max_task_retries=RETRIES)(Worker)
        needs = {"num_gpus": 1} if self.device == "cuda" else {"num_cpus": self._threads}
        return kind.options(**needs).remote(choice, self.device)


def _connected(address: str) -> Any:
    """Ray, connected. Its own handling of signals is undone: this process has one."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # or else it warns
    try:
        import ray
    except ModuleNotFoundError:
        raise InputError("a cluster needs Ray; `pip install 'flythrough[ray]'` brings it") from None
    if "://" in address:
        raise InputError(
            f"{address}: this must be host:port of a cluster that this machine is part of (`ray start --address ...`),"
            " or auto, or local"
        )
    before = signal.getsignal(signal.SIGTERM)
    local: dict[str, Any] = {"include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address, log_to_driver=False, configure_logging=False, **local)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise InputError(
            f"{address}: there is no Ray cluster to join ({' '.join(str(error).split())[:200]})"
        ) from None
    with suppress(ValueError):  # not in the main thread, where Ray sets none either
        signal.signal(signal.SIGTERM, before)
    return ray
