"""The server as an ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.staticfiles import StaticFiles

from flythrough import __version__
from flythrough.serve import facts, failures, guard, live, places, videos
from flythrough.serve.failures import Refusal
from flythrough.serve.schema import ErrorResponse, Login
from flythrough.serve.server import Here, Server
from flythrough.serve.settings import Settings

STATIC = Path(__file__).with_name("static")
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorResponse, "description": text}
    for status, text in (
        ("4XX", "The request is refused; the message says why, and what would be right."),
        (422, "A field is not valid."),
        (503, "Too busy; try again."),
    )
}
entry = APIRouter()


def create_app(settings: Settings) -> FastAPI:
    """The server of one data folder, which it locks. Raises InputError. Its worker runs as long as the app does."""
    server = Server.of(settings)
    app = FastAPI(
        title="flythrough",
        version=__version__,
        summary="Worlds to fly through: videos along a camera path, and live flights.",
        lifespan=_life,
        docs_url=None,  # these pages would load scripts from elsewhere
        redoc_url=None,
        responses=ERRORS,
        separate_input_output_schemas=False,
    )
    app.state.server = server
    failures.install(app)
    for router in (entry, facts.router, videos.router, places.router, live.router):
        app.include_router(router)
    if STATIC.is_dir():
        app.mount("/", StaticFiles(directory=STATIC, html=True), name="studio")
    app.add_middleware(guard.Guard, settings=settings, metrics=server.metrics)
    _describe(app)
    return app


@entry.post("/v1/login", status_code=204, response_class=Response)
async def login(given: Login, server: Here) -> Response:
    """Give the token once; the browser then keeps a cookie, which videos, events and WebSockets can send."""
    import hmac

    token = server.settings.token
    if token is None:
        return Response(status_code=204)
    if not hmac.compare_digest(given.token.encode(), token.encode()):
        raise Refusal(401, "that is not the token", "token")
    response = Response(status_code=204)
    response.set_cookie(guard.COOKIE, guard.pass_of(token), httponly=True, samesite="strict", path="/")
    return response


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    server: Server = app.state.server
    tidying = asyncio.create_task(_tidy(server))
    try:
        async with live.life(server):
            server.jobs.start()
            try:
                yield
            finally:
                await asyncio.to_thread(server.jobs.stop)
                if server.cluster is not None:
                    await asyncio.to_thread(server.cluster.close)
    finally:
        tidying.cancel()
        with suppress(asyncio.CancelledError):
            await tidying
        server.store.close()


async def _tidy(server: Server) -> None:
    """Let go of what nobody uses."""
    while True:
        await asyncio.sleep(min(10.0, server.settings.keep_alive_s))
        await asyncio.to_thread(server.models.release_idle)
        await asyncio.to_thread(server.jobs.models.release_idle)  # the same ones, unless jobs have a cluster


def _describe(app: FastAPI) -> None:
    """Put the types that no route names into the page too: the studio's types come from it."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            page = made()
            for model in videos.SCHEMAS:
                schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
                page["components"]["schemas"] |= schema.pop("$defs", {}) | {model.__name__: schema}
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = openapi  # pyrefly: ignore
