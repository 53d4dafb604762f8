"""A server in a process of its own, to be started and killed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

COMMAND = Path(__file__).with_name("command.py")
QUIET = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"), "PYTHONWARNINGS": "ignore"}


@dataclass
class Process:
    """A server on one data folder and port; random weights, a state saved after every chunk."""

    data: Path
    port: int
    model: str
    starts: int = 0
    _running: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.data.parent / "server.log"

    @property
    def pid(self) -> int:
        assert self._running is not None
        return self._running.pid

    def start(self, *more: str) -> None:
        """Returns when it answers."""
        words = ["serve", "--data", self.data, "--port", self.port, "--model", self.model, "--random-weights"]
        words += ["--device", "cpu", "--save-every", 1, *more]
        with self.log.open("a") as log:
            self._running = subprocess.Popen(
                [sys.executable, COMMAND, *map(str, words)],
                env=os.environ | QUIET,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._running.stdout is not None
        if not self._running.stdout.readline():
            raise RuntimeError(f"the server did not start: {self.log.read_text()[-2000:]}")
        self.starts += 1

    def kill(self) -> None:
        """As kill -9 does: nothing of it runs any more."""
        assert self._running is not None
        assert self._running.stdout is not None
        self._running.kill()
        self._running.wait()
        self._running.stdout.close()

    def resumed(self) -> int:
        """How often a job went on from a saved chunk instead of its first frame."""
        lines = [line for line in self.log.read_text().splitlines() if "goes on after frame" in line]
        return sum(not line.endswith(" frame 0") for line in lines)


def free_port() -> int:
    """A port of loopback that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
