"""A server for live flights in this process, and a client that speaks the protocol as a stranger would."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import msgpack
import numpy as np
import uvicorn
from websockets.sync.client import ClientConnection, connect

from flythrough.presets import PRESETS
from flythrough.serve.app import create_app
from flythrough.serve.settings import Settings
from tests.flights import MODEL, VAE

ROUTE = "/v1/realtime_video/generate"
PRESETS["tiny"] = replace(  # mini's ways, at a size that flies in no time
    PRESETS["mini"],
    model=replace(MODEL, caption_channels=384),
    vae=VAE,
    height=64,
    width=96,
    weights=None,
)


@contextmanager
def serving(data: Path, **more: Any) -> Iterator[tuple[str, Any]]:
    """host:port of a server on a free port, and the app, as `flythrough serve` runs it."""
    given: dict[str, Any] = {"data": data, "models": ("tiny",), "random_weights": True}
    settings = Settings(**given | more)
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        log_config=None,
        access_log=False,
        ws="websockets-sansio",
        ws_max_size=settings.upload_bytes,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.02)
        yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", app
    finally:
        server.should_exit = True
        thread.join()


@dataclass
class Pilot:
    """A client. `frames` are all that came, decoded where they are raw; `others` all other messages."""

    socket: ClientConnection
    headers: list[dict[str, Any]] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    others: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    @contextmanager
    def at(cls, address: str, **more: Any) -> Iterator[Self]:
        """Connected, and nothing said yet."""
        url = f"ws://{address}{ROUTE}"
        how: dict[str, Any] = {
            "max_size": None,
            "compression": None,
            "proxy": None,
            "open_timeout": 20,
            "close_timeout": 2,
        }
        with connect(url, **how | more) as socket:
            yield cls(socket)

    def init(self, **fields: Any) -> None:
        self.say({"type": "init"} | fields)

    def event(self, kind: str, payload: Any = None, **more: Any) -> None:
        self.say({"type": "event", "kind": kind, "payload": payload} | more)

    def say(self, message: Any) -> None:
        self.socket.send(bytes(msgpack.packb(message) or b""))

    def hear(self, timeout: float = 20) -> dict[str, Any]:
        """The next message; of frames the header, with the payload."""
        message = msgpack.unpackb(self.socket.recv(timeout))
        if message["type"] == "frame_batch_header":
            message["payload"] = self.socket.recv(timeout)
        if message["type"].startswith("frame_batch"):
            payload = message.pop("payload")
            assert len(payload) == message["total_size"]
            self.headers.append(message)
            self.payloads.append(payload)
        else:
            self.others.append(message)
        return message

    def until(self, kind: str) -> dict[str, Any]:
        """Messages are taken in up to the first of this type."""
        while (message := self.hear())["type"] != kind:
            assert message["type"] != "error", message
        return message

    def chunks(self, count: int) -> None:
        """Take in so many chunks with their statistics."""
        for _ in range(count):
            self.until("chunk_stats")

    @property
    def film(self) -> np.ndarray:
        """All raw frames, (n, H, W, 3)."""
        parts = [
            np.frombuffer(payload, np.uint8).reshape(
                header["num_frames"], header["height"], header["width"], 3
            )
            for header, payload in zip(self.headers, self.payloads, strict=True)
        ]
        return np.concatenate(parts)
