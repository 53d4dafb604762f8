"""Rendered worlds for the studio: words, a first view, and triangles to look at in 3-D."""

from __future__ import annotations

import struct
from functools import lru_cache

import numpy as np
import torch

from flythrough.camera.intrinsics import from_fov
from flythrough.camera.path import CameraPath
from flythrough.camera.pose import invert
from flythrough.media import Picture
from flythrough.serve.pictures import jpeg
from flythrough.serve.schema import WorldInfo
from flythrough.serve.turns import Turns
from flythrough.worlds.render import prepare, render, tone
from flythrough.worlds.world import World

FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}  # a seed's world never changes
NEAR_M = 120.0  # what lies farther away makes a 3-D view slow and shows little


@lru_cache(maxsize=4096)
def facts(seed: int) -> WorldInfo:
    """What a world is, in words."""
    world = World.from_seed(seed)
    return WorldInfo(seed=seed, kind=world.kind, prompt=world.caption())


def first_view(seed: int, kind: str | None, path: CameraPath) -> Picture:
    """What the path's first camera sees at the world's start, (H, W, 3) uint8. Raises InputError."""
    world = World.from_seed(seed, kind=kind)
    placed = path.take(slice(1)).placed(start_of(seed, kind))
    points = placed.positions.float()
    scene = prepare(world.mesh(points), world.light, points)
    shown = render(scene, placed.c2w, placed.intrinsics, path.height, path.width, supersample=3)
    return shown.rgb[0, 0].numpy()


@lru_cache(maxsize=1024)
def thumbnail(seed: int, kind: str | None, fov_deg: float, height: int, width: int, turns: Turns) -> bytes:
    """The first view as JPEG. Rendering takes a turn, as it uses the same cores as the model. Raises InputError."""
    lens = from_fov(fov_deg, height, width)
    path = CameraPath(torch.eye(4, dtype=torch.float64)[None], lens, height, width)
    World.from_seed(seed, kind=kind)  # raises before anybody waits
    start_of(seed, kind)
    with turns.take("pictures of worlds"):
        return jpeg(first_view(seed, kind, path), quality=88)


@lru_cache(maxsize=16)
def scene(seed: int, kind: str | None) -> bytes:
    """The triangles about the world's start, as the route says."""
    world, start = World.from_seed(seed, kind=kind), start_of(seed, kind)
    points = start[None, :3, 3].float()
    mesh = world.mesh(points)
    lit = prepare(mesh, world.light, points)
    moved = mesh.transformed(invert(start)).triangles
    near = moved.norm(dim=-1).amin(1) < NEAR_M
    corners = moved[near].reshape(-1, 3).numpy().astype("<f4")
    color = tone((lit.sun + lit.ambient + mesh.emission)[near] * world.light.exposure)
    rgb = (color * 255).round().to(torch.uint8).repeat_interleave(3, 0).numpy()
    vertices, index = np.unique(
        np.concatenate([corners.view(np.uint8).reshape(-1, 12), rgb], 1), axis=0, return_inverse=True
    )
    xyz, colors = vertices[:, :12].tobytes(), vertices[:, 12:].tobytes()
    padding = b"\0" * (-len(colors) % 4)
    head = struct.pack("<II", len(vertices), len(corners) // 3)
    return head + xyz + colors + padding + index.astype("<u4").tobytes()


@lru_cache(maxsize=256)
def start_of(seed: int, kind: str | None) -> torch.Tensor:
    """c2w (4, 4) of the first view; finding it takes a second."""
    return World.from_seed(seed, kind=kind).start()
