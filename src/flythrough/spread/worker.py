"""A process of the cluster: it has a model and makes films with it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from flythrough.media import Film
from flythrough.pipeline import Pipeline
from flythrough.shot import Shot

if TYPE_CHECKING:
    from flythrough.presets import Preset

State = np.ndarray  # the bytes of a snapshot


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
        state: State | None,
        films: int,
        together: int,
        threads: int,
    ) -> tuple[Leg, State | None]:
        """Film `number` of a flight, and a state if one is due after it.

        state, films  where to begin if this worker is not there yet: a state, None for the first frame, after so many
                      of the flight's films
        together      chunks between two states
        threads       of a CPU; as many give the same frames
        """
        if self._at != (flight, number):
            self._at = None
            if self._device == "cpu":
                torch.set_num_threads(threads)
            self._films = _flown(self._loaded(), shot, state, together)
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
