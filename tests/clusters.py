"""A real Ray cluster on this machine: raylets of their own, as if they were machines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil

SMALL = {"object_store_memory": 128 * 2**20, "include_dashboard": False}


class Machines:
    """Machines of one core each. The cluster's head has none, so that it does not matter which of them goes."""

    def __init__(self, count: int) -> None:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        os.environ |= {
            "RAY_worker_niceness": "0"
        }  # on a machine with other work, workers would hardly get on
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **SMALL})
        self._nodes = [self._cluster.add_node(num_cpus=1, **SMALL) for _ in range(count)]

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def workers(self) -> list[tuple[Any, psutil.Process]]:
        """(machine, process) of every worker that has a film."""
        found = []
        for node in self._nodes:
            (raylet,) = (info.process.pid for info in node.all_processes["raylet"])
            for process in psutil.Process(raylet).children(recursive=True):
                if process.name().startswith("ray::Worker") or "ray::Worker" in " ".join(
                    process.cmdline()[:1]
                ):
                    found.append((node, process))
        return found

    def lose(self, node: Any) -> None:
        """A machine without power."""
        self._nodes.remove(node)
        self._cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        self._cluster.shutdown()


@contextmanager
def machines(count: int) -> Iterator[Machines]:
    cluster = Machines(count)
    try:
        yield cluster
    finally:
        cluster.close()
