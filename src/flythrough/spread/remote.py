"""A pipeline that is on the cluster, as a film writer here needs it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from flythrough.errors import InputError
from flythrough.media import Film
from flythrough.media.files import save_bytes
from flythrough.shot import Shot
from flythrough.spread.worker import Facts, State

TOGETHER = 8  # chunks between two states where nobody asks for any: what a death costs at most


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

    def __init__(self, worker: Any, facts: Facts, get: Callable[[Any], Any]) -> None:
        """worker: a Ray actor, a Worker; get: waits for what it answers."""
        self._worker, self._get = worker, get
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
            leg = self._get(self._worker.looked_at.remote(state))
        except InputError as error:  # names the worker's copy
            raise InputError(f"{path}: {str(error).partition(': ')[2] or error}") from None
        return Place(leg.frames_made, leg.chunks_made, state)

    def generate(
        self, shot: Shot, on_progress: object = None, *, session: Place | None = None, together: int = 0
    ) -> Iterator[Film]:
        """As Pipeline.generate. While a film is used, the worker makes the next."""
        import ray

        place = session or Place()
        flight, given = secrets.token_hex(8), ray.put(shot)
        common = (together or TOGETHER, torch.get_num_threads())

        def ask(number: int, state: Any, films: int) -> Any:
            ask_for = self._worker.film.options(num_returns=2)
            return ask_for.remote(flight, number, given, state, films, *common)

        state, films, number = None if place.state is None else ray.put(place.state), 0, 0
        coming = ask(number, state, films)
        while True:
            now, later = coming
            coming = ask(number + 1, state, films)
            leg = self._get(now)
            if leg.film is None:
                return
            number += 1
            if leg.chunks_made:
                place.state = self._get(later)
                place.frames_made, place.chunks_made = leg.frames_made, leg.chunks_made
                state, films = ray.put(place.state), number  # lies here now: the other machine may go
            yield leg.film
