"""A Ray cluster, and who works for this process there."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast

import torch

from flythrough import __version__
from flythrough.errors import InputError
from flythrough.pipeline import Pipeline
from flythrough.spread.remote import Remote
from flythrough.spread.worker import Choice, Facts, Worker

IDLE_S = 5.0  # that a worker is kept for a next film while another film waits for an answer
# attempts at the same chunk: after so many it is the film that kills workers; until a lost machine is known to be lost,
# each second costs one
RETRIES = 100


class LostError(RuntimeError):
    """The cluster could not do it, though nothing is wrong with what was asked."""


class LeftError(Exception):
    """`Cluster.leave` was called."""


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
        yield cast(Pipeline, Remote(idle.worker, idle.facts, self.get))  # as far as resume.Flight asks
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
    host, _, port = address.rpartition(":")
    if host:  # Ray itself would try for minutes
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
        except (OSError, ValueError) as error:
            raise InputError(
                f"{address}: no Ray cluster answers there ({getattr(error, 'strerror', None) or error})"
            ) from None
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
