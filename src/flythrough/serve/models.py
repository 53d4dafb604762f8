"""Models on demand: loaded when first asked for, kept while they are used, let go when memory is needed."""

from __future__ import annotations

import ctypes
import gc
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flythrough.errors import InputError

if TYPE_CHECKING:
    from flythrough.pipeline import Pipeline
    from flythrough.presets import Preset

log = logging.getLogger("flythrough.serve")


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A model in memory. bytes: of its weights; idle_s: since it was used last; users: flights that hold it now."""

    name: str
    device: str
    dtype: str
    bytes: int
    users: int
    idle_s: float
    loaded_s: float


@dataclass
class _Place:
    pipeline: Pipeline
    bytes: int
    loaded_s: float
    used: float
    users: int = 0


@dataclass
class Models:
    """The models of a server, by name. Safe from threads; one is loaded at a time."""

    served: tuple[str, ...] = ("mini",)  # names or folders; a folder is called by its last part
    device: str | None = None
    random_weights: bool = False
    keep_alive_s: float = 600.0
    _places: dict[str, _Place] = field(default_factory=dict, init=False)
    _state: threading.Lock = field(default_factory=threading.Lock, init=False)
    _loading: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        """Raises InputError for a model that cannot be served."""
        from flythrough.pipeline import Pipeline

        self._sources = {Path(source).name: source for source in self.served}
        if len(self._sources) < len(self.served):
            raise InputError(f"of the models {', '.join(self.served)} two have the same name")
        self._presets = {name: Pipeline.check(source) for name, source in self._sources.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """What a request may ask for; the first is the default."""
        return tuple(self._sources)

    def preset(self, name: str | None = None) -> Preset:
        """The numbers of a served model; raises InputError for another one. Nothing is loaded."""
        name = self.names[0] if name is None else name
        if name not in self._presets:
            raise InputError(f"there is no model called {name!r} here; there are {', '.join(self.names)}")
        return self._presets[name]

    def source(self, name: str) -> str:
        """The name or folder that a served model is loaded from."""
        self.preset(name)
        return self._sources[name]

    def get(self, name: str) -> Pipeline:
        """A model, loaded if it is not there yet. Raises InputError where it cannot be loaded."""
        place = self._touched(name)
        if place is not None:
            return place.pipeline
        with self._loading:
            place = self._touched(name)  # somebody else has loaded it in the meantime
            if place is None:
                place = self._load(name)
            return place.pipeline

    @contextmanager
    def using(self, name: str) -> Iterator[Pipeline]:
        """A model for the length of a block, or of a flight: it is not let go in the meantime."""
        pipeline = self.get(name)
        with self._state:
            place = self._places.get(name)
            if place is None or place.pipeline is not pipeline:  # let go in between
                place = self._places[name] = _Place(pipeline, _bytes(pipeline), 0.0, time.monotonic())
            place.users += 1
        try:
            yield pipeline
        finally:
            with self._state:
                place.users -= 1
                place.used = time.monotonic()

    def loaded(self) -> list[Loaded]:
        """What is in memory, the one used last first."""
        now = time.monotonic()
        with self._state:
            places = sorted(self._places.items(), key=lambda item: -item[1].used)
            return [
                Loaded(
                    name=name,
                    device=str(place.pipeline.device),
                    dtype=str(place.pipeline.dtype).removeprefix("torch."),
                    bytes=place.bytes,
                    users=place.users,
                    idle_s=0.0 if place.users else now - place.used,
                    loaded_s=place.loaded_s,
                )
                for name, place in places
            ]

    def unload(self, name: str) -> bool:
        """Let a model go, unless somebody uses it; whether it is gone."""
        with self._state:
            place = self._places.get(name)
            if place is None or place.users:
                return False
            del self._places[name]
        del place
        _give_back()
        log.info("unloaded %s", name)
        return True

    def release_idle(self) -> list[str]:
        """Let go what nobody has used for keep_alive_s; its names."""
        late = time.monotonic() - self.keep_alive_s
        with self._state:
            idle = [name for name, place in self._places.items() if not place.users and place.used < late]
        return [name for name in idle if self.unload(name)]

    def _touched(self, name: str) -> _Place | None:
        self.preset(name)
        with self._state:
            place = self._places.get(name)
            if place is not None:
                place.used = time.monotonic()
            return place

    def _load(self, name: str) -> _Place:
        from flythrough.pipeline import Pipeline

        self._make_room(name)
        start = time.monotonic()
        source = self._sources[name]
        if self.random_weights:
            pipeline = Pipeline.random(source, device=self.device)
        else:
            pipeline = Pipeline.load(source, device=self.device)
        place = _Place(pipeline, _bytes(pipeline), time.monotonic() - start, time.monotonic())
        with self._state:
            self._places[name] = place
        log.info("loaded %s in %.1f s", name, place.loaded_s)
        return place

    def _make_room(self, name: str) -> None:
        """Let others go, the one unused longest first, until this model fits or nothing idle is left."""
        from flythrough.memory import needed
        from flythrough.presets import PRESETS
        from flythrough.tensors import best_dtype, device_named

        where = device_named(self.device)
        shape = next((n for n, preset in PRESETS.items() if preset is self._presets[name]), None)
        if shape is None:
            return
        wanted = needed(shape, best_dtype(where))
        while (free := _free(where.type)) < wanted:
            with self._state:
                idle = sorted((p.used, n) for n, p in self._places.items() if not p.users)
            if not idle or not self.unload(idle[0][1]):
                break
        if free < wanted:
            log.warning("%s needs %.1f GB, %.1f GB are free", name, wanted / 1e9, free / 1e9)


def _bytes(pipeline: Pipeline) -> int:
    from torch import nn

    parts = [p for p in (pipeline.model, pipeline.vae, pipeline.refiner) if isinstance(p, nn.Module)]
    return sum(p.numel() * p.element_size() for part in parts for p in part.parameters())


def _free(kind: str) -> float:
    """Bytes that a model could still have."""
    if kind == "cuda":
        import torch

        return float(torch.cuda.mem_get_info()[0])
    import psutil

    return float(psutil.virtual_memory().available)


def _give_back() -> None:
    """Return what was freed to the system, which otherwise keeps it with the process."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    with suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)
