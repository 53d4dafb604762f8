"""What all requests share: `request.app.state.server`."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from flythrough.serve.events import Events
from flythrough.serve.jobs import Jobs
from flythrough.serve.metrics import Metrics
from flythrough.serve.models import Models
from flythrough.serve.settings import Settings
from flythrough.serve.store import Store
from flythrough.serve.turns import Turns


@dataclass
class Server:
    """The parts of a running server. sessions: how many live flights there are, set by the live part."""

    settings: Settings
    models: Models
    turns: Turns
    store: Store
    events: Events
    metrics: Metrics
    jobs: Jobs
    sessions: int = 0
    started: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, settings: Settings) -> Server:
        """Open the data folder and make the parts; nothing runs yet. Raises InputError."""
        settings.make_folders()
        models = Models(settings.models, settings.device, settings.random_weights, settings.keep_alive_s)
        turns, events, metrics = Turns(), Events(), Metrics()
        store = Store(settings.data / "jobs.sqlite")
        jobs = Jobs(settings, store, models, turns, events, metrics)
        return cls(settings, models, turns, store, events, metrics, jobs)


def _server(connection: HTTPConnection) -> Server:
    return connection.app.state.server


Here = Annotated[Server, Depends(_server)]
