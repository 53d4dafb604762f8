"""The application, listening: uvicorn with our limits, and an end that does not wait for those who only listen."""

from __future__ import annotations

import socket
from contextlib import suppress

import uvicorn
from fastapi import FastAPI

from flythrough.serve.server import Server

GRACE_S = 5  # for answers that are on their way when the server ends


class Daemon(uvicorn.Server):
    """An application at its settings' host and port; `run` returns when it ends, `started` says whether it began."""

    def __init__(self, app: FastAPI, *, announce: bool = False) -> None:
        """announce: print the address, once requests are answered there"""
        self.server: Server = app.state.server
        self.announce = announce
        settings = self.server.settings
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                log_config=None,
                access_log=False,
                server_header=False,
                limit_concurrency=settings.connections,
                timeout_graceful_shutdown=GRACE_S,
                ws="websockets-sansio",
                ws_max_size=self.server.flights.limits.message_bytes,
                ws_per_message_deflate=False,  # raw frames would cost the time that the model needs
                lifespan="on",
                proxy_headers=False,
            )
        )

    @property
    def address(self) -> str:
        """Where it listens, when it has started."""
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        with suppress(SystemExit):  # what uvicorn says instead of an exception
            super().run(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self.announce:
            print(self.address, flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.server.events.close()  # these streams would end by themselves only with their jobs
        await super().shutdown(sockets)
