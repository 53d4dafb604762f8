"""A real server on a free port of loopback, with a model that takes milliseconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from fastapi import FastAPI
from PIL import Image

from flythrough.presets import PRESETS
from flythrough.serve.app import create_app
from flythrough.serve.daemon import Daemon
from flythrough.serve.server import Server
from flythrough.serve.settings import Settings
from tests.toys import toy

TOKEN = "a token of enough letters"


@dataclass
class Running:
    """address: http://127.0.0.1:port; http: a client that asks there."""

    address: str
    http: httpx2.Client
    app: FastAPI

    @property
    def server(self) -> Server:
        return self.app.state.server

    def ask(self, **fields: Any) -> dict[str, Any]:
        """A job, taken on."""
        answer = self.http.post("/v1/videos", json={"camera": "w-16", "seed": 1} | fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def job(self, id: str) -> dict[str, Any]:
        return self.http.get(f"/v1/videos/{id}").json()

    def ended(self, id: str, within_s: float = 60) -> dict[str, Any]:
        """Wait for a job to end."""
        for _ in waiting(within_s):
            job = self.job(id)
            if job.get("status") not in ("queued", "in_progress"):
                return job
        raise AssertionError(f"{id} has not ended: {self.job(id)}")


def waiting(within_s: float) -> Iterator[None]:
    """Turns of a loop that waits for something."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        yield
        time.sleep(0.02)


def register_toy() -> None:
    """A streaming model of 64x96 and eight frames a chunk, as a preset."""
    plan = toy("stream")
    PRESETS["toy"] = replace(plan, refining=None, model=replace(plan.model, chunk=1))


def settings(data: Path, **more: Any) -> Settings:
    register_toy()
    given: dict[str, Any] = {
        "models": ("toy",),
        "device": "cpu",
        "random_weights": True,
        "save_every": 1,
        "port": 0,
    }
    return Settings(data=data, **(given | more))


@contextmanager
def serving(data: Path, **more: Any) -> Iterator[Running]:
    """A server in a thread of this process, until the block ends."""
    app = create_app(settings(data, **more))
    server = Daemon(app)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in waiting(30):
        if server.started:
            break
    address = server.address
    try:
        with httpx2.Client(base_url=address, trust_env=False, timeout=60) as http:
            yield Running(address, http, app)
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def png(height: int = 96, width: int = 128, seed: int = 0, kind: str = "PNG") -> bytes:
    """A picture of noise."""
    file = BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()
