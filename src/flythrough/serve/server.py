"""What all requests share: `request.app.state.server`."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from flythrough.serve.afar import ModelsAfar, NoTurns
from flythrough.serve.crowd import Crowd
from flythrough.serve.events import Events
from flythrough.serve.flights import Flights, LiveLimits
from flythrough.serve.jobs import Jobs
from flythrough.serve.metrics import Metrics
from flythrough.serve.models import Models
from flythrough.serve.settings import MIB, Settings
from flythrough.serve.store import Store
from flythrough.serve.turns import Turns
from flythrough.spread import Cluster


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
    cluster: Cluster | None = None
    started: float = field(default_factory=time.monotonic)
    crowd: Crowd = field(default_factory=Crowd)

    @classmethod
    def of(cls, settings: Settings) -> Server:
        """Open the data folder and make the parts; nothing runs yet. Raises InputError."""
        settings.make_folders()
        served = settings.models, settings.device, settings.random_weights, settings.keep_alive_s
        models = Models(*served)
        turns, events, metrics = Turns(), Events(), Metrics()
        store = Store(settings.data / "jobs.sqlite")
        cluster = None if settings.ray is None else Cluster(settings.ray, settings.device)
        if cluster is None:
            jobs = Jobs(settings, store, models, turns, events, metrics)
        else:
            afar = ModelsAfar(*served, cluster=cluster)
            jobs = Jobs(
                settings,
                store,
                afar,
                NoTurns(),
                events,
                metrics,
                at_once=cluster.at_once,
                hurry=cluster.leave,
            )
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
        return cls(settings, models, turns, store, events, metrics, jobs, flights, cluster)


def _server(connection: HTTPConnection) -> Server:
    return connection.app.state.server


Here = Annotated[Server, Depends(_server)]
