"""Routes about the server itself: is it well, what can it do, what does it do now."""

from __future__ import annotations

import time
from dataclasses import asdict

from fastapi import APIRouter, Response

from flythrough import __version__
from flythrough.camera.intrinsics import FOV_RANGE_DEG
from flythrough.camera.keys import DIALECTS
from flythrough.camera.motion import Limits
from flythrough.media.pictures import SMALLEST
from flythrough.serve.failures import Refusal
from flythrough.serve.schema import (
    Comfort,
    Health,
    LimitsInfo,
    LoadedModel,
    ModelInfo,
    ModelList,
    Running,
)
from flythrough.serve.server import Here, Server
from flythrough.shot import LONGEST_PROMPT, MOST_STEPS

router = APIRouter()


@router.get("/health")
async def health() -> Health:
    """Whether the server answers. Needs no token."""
    return Health(version=__version__)


@router.get("/metrics", response_class=Response)
async def metrics(server: Here) -> Response:
    """Counters for Prometheus."""
    server.metrics.queue.set(server.jobs.waiting)
    server.metrics.listeners.set(server.events.listeners)
    for state, count in server.flights.figures().items():
        server.metrics.sessions.labels(state).set(count)
    server.metrics.models.clear()
    for one in server.models.loaded():
        server.metrics.models.labels(one.name).set(one.bytes)
    return Response(server.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/v1/models")
async def list_models(server: Here) -> ModelList:
    """The models that requests may name; the first one is the default."""
    loaded = {one.name for one in server.models.loaded()}
    return ModelList(data=[_model(server, name, name in loaded) for name in server.models.names])


@router.get("/v1/models/{id}")
async def get_model(id: str, server: Here) -> ModelInfo:
    """One model."""
    if id not in server.models.names:
        raise Refusal(404, f"there is no model called {id!r}; there are {', '.join(server.models.names)}")
    return _model(server, id, any(one.name == id for one in server.models.loaded()))


@router.get("/v1/ps")
async def running(server: Here) -> Running:
    """What is loaded, what is made, who has the device."""
    return Running(
        models=[LoadedModel(**asdict(one)) for one in server.models.loaded()],
        running=server.jobs.running(),
        queued=server.jobs.queued,
        sessions=server.flights.figures(),
        holder=server.turns.holder,
        uptime_s=time.monotonic() - server.started,
    )


@router.get("/v1/limits")
async def limits(server: Here) -> LimitsInfo:
    """What the server accepts, and what the model follows well."""
    allowed, seen = server.settings, Limits()
    return LimitsInfo(
        frames=allowed.frames,
        pixels=allowed.pixels,
        least_pixels=SMALLEST,
        upload_bytes=allowed.upload_bytes,
        queue=allowed.queue,
        sessions=allowed.sessions,
        prompt_characters=LONGEST_PROMPT,
        steps=MOST_STEPS,
        fov_deg=FOV_RANGE_DEG,
        comfort=Comfort(
            metres_per_s=seen.metres_per_s, degrees_per_s=seen.degrees_per_s, fov_deg=seen.fov_deg
        ),
        keys=list(DIALECTS),
        token_needed=allowed.token is not None,
    )


def _model(server: Server, name: str, loaded: bool) -> ModelInfo:
    plan = server.models.preset(name)
    return ModelInfo(
        id=name,
        width=plan.width,
        height=plan.height,
        fps=plan.fps,
        streams=plan.sampling.order == "stream",
        chunk_frames=plan.model.chunk * 8,
        steps=plan.sampling.steps,
        loaded=loaded,
    )
