"""What all requests share: `request.app.state.server`."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from flythrough.serve.events import Events
from flythrough.serve.flights import Flights, LiveLimits
from flythrough.serve.jobs import Jobs
from flythrough.serve.metrics import Metrics
from flythrough.serve.models import Models
from flythrough.serve.settings import MIB, Settings
from flythrough.serve.store import Store
from flythrough.serve.turns import Turns


@dataclass
class Server:
    """The parts of a running server."""

    settings: Settings
    models: Models
    turns: Turns
    store: Store
    events: Events
    metrics: Metrics
    jobs: Jobs
    flights: Flights
    started: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, settings: Settings) -> Server:
        """Open the data folder and make the parts; nothing runs yet. Raises InputError."""
        settings.make_folders()
        models = Models(settings.models, settings.device, settings.random_weights, settings.keep_alive_s)
        turns, events, metrics = Turns(), Events(), Metrics()
        store = Store(settings.data / "jobs.sqlite")
        jobs = Jobs(settings, store, models, turns, events, metrics)
        flights = Flights(
            models=models,
            turns=turns,
            folder=settings.flights,
            limits=LiveLimits(
                flights=settings.sessions,
                kept=settings.kept_sessions,
                idle_s=settings.idle_s,
                first_frame_bytes=settings.upload_bytes - MIB,
                pixels=settings.pixels,
            ),
            on_chunk=lambda frames, waited_s, made_s: metrics.turn("live", frames, waited_s, made_s),
        )
        return cls(settings, models, turns, store, events, metrics, jobs, flights)


def _server(connection: HTTPConnection) -> Server:
    return connection.app.state.server


Here = Annotated[Server, Depends(_server)]
