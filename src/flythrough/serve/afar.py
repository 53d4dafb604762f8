"""Jobs on a Ray cluster: their models are there, and nobody here waits for a turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from flythrough.pipeline import Pipeline
from flythrough.serve.models import Models
from flythrough.serve.turns import Turns
from flythrough.spread import Choice, Cluster


@dataclass
class ModelsAfar(Models):
    """The same models, each loaded by workers of a cluster."""

    cluster: Cluster = field(kw_only=True)

    @contextmanager
    def using(self, name: str) -> Iterator[Pipeline]:
        """As Models.using, for one flight at a time; waits until the cluster has room."""
        choice = Choice(model=self.source(name), random_weights=self.random_weights)
        with self.cluster.using(choice) as pipeline:
            yield pipeline

    def release_idle(self) -> list[str]:
        """Give the cluster back what nobody has used for keep_alive_s."""
        self.cluster.release_idle(self.keep_alive_s)
        return []


class NoTurns(Turns):
    """Whoever asks has a turn at once: the device is another one."""

    @contextmanager
    def take(self, who: str) -> Iterator[None]:
        yield
