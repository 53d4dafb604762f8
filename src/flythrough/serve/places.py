"""Routes about places to fly and ways to fly them: cameras and rendered worlds."""

from __future__ import annotations

from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Path, Query, Response

from flythrough.serve import cameras, scenery
from flythrough.serve.schema import CameraPreset, Resolved, ResolveRequest, WorldInfo
from flythrough.serve.server import Here
from flythrough.worlds.world import World

router = APIRouter(prefix="/v1")
_slow = CapacityLimiter(2)  # threads for what takes seconds, so that the others stay free
Seed = Annotated[int, Path(ge=0, le=2**31)]
Kind = Annotated[str | None, Query(max_length=40)]
BINARY = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
JPEG = {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}


@router.post("/camera/resolve", response_model=Resolved)
async def resolve_camera(wanted: ResolveRequest, server: Here) -> Response:
    """Where a camera goes, frame by frame, how fast, and what a model may not follow."""
    plan = server.models.preset(wanted.model)

    def work() -> bytes:
        path = cameras.fly(
            wanted.camera,
            keys=wanted.keys,
            frames=wanted.frames,
            fov_deg=wanted.fov_deg,
            height=wanted.height or plan.height,
            width=wanted.width or plan.width,
            fps=wanted.fps,
            most=server.settings.frames,
        )
        return cameras.resolved(path, wanted.every).model_dump_json().encode()

    return Response(await to_thread.run_sync(work), media_type="application/json")


@router.get("/camera/presets")
async def camera_presets() -> list[CameraPreset]:
    """Camera moves by name, with their parameters."""
    return cameras.presets()


@router.get("/worlds")
def list_worlds(
    start: Annotated[int, Query(ge=0, le=2**31 - 100)] = 0, count: Annotated[int, Query(ge=1, le=100)] = 24
) -> list[WorldInfo]:
    """Rendered worlds, each a first frame to fly from."""
    return [scenery.facts(seed) for seed in range(start, start + count)]


@router.get("/worlds/{seed}.jpg", response_class=Response, responses={200: JPEG})
async def world_picture(
    seed: Seed,
    server: Here,
    kind: Kind = None,
    fov_deg: Annotated[float, Query(ge=25, le=120)] = 70.0,
    width: Annotated[int | None, Query(ge=64, le=4096)] = None,
) -> Response:
    """The first view of a world, as large as the model's frames or, sooner, only so wide."""
    plan, world = server.models.preset(), World.from_seed(seed, kind=kind)
    asked = (world, fov_deg, (plan.height, plan.width), width, server.turns, server.settings.pictures)
    data = await to_thread.run_sync(scenery.picture, *asked, limiter=_slow)
    return Response(data, media_type="image/jpeg", headers=scenery.FOREVER)


@router.get("/worlds/{seed}/scene", response_class=Response, responses={200: BINARY})
async def world_scene(seed: Seed, server: Here, kind: Kind = None) -> Response:
    """The world about its first camera as triangles, in that camera's axes (x right, y down, z forward), metres.

    Little-endian: uint32 vertices, uint32 triangles, uint32 triangles of water, float32 xyz and then uint8 rgb of
    every vertex, padding to four bytes, uint32 indices, three a triangle. Those of water are the last; their colour
    is that of the water itself, without what it mirrors.
    """
    world = World.from_seed(seed, kind=kind)
    data = await to_thread.run_sync(scenery.scene, world, server.turns, limiter=_slow)
    return Response(data, media_type="application/octet-stream", headers=scenery.FOREVER)
