"""Rendered worlds for the studio: words, a first view, and triangles to look at in 3-D."""

from __future__ import annotations

import struct
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from flythrough.camera.intrinsics import from_fov
from flythrough.camera.path import CameraPath
from flythrough.camera.pose import invert
from flythrough.media.files import save_bytes
from flythrough.pipeline import first_view
from flythrough.serve.pictures import jpeg
from flythrough.serve.schema import WorldInfo
from flythrough.serve.turns import Turns
from flythrough.worlds.render import prepare, tone
from flythrough.worlds.world import World

FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}  # a seed's world never changes
MOST_KEPT = 4000  # pictures of worlds, 25 KB each
NEAR_M = 120.0  # what lies farther away makes a 3-D view slow and shows little


@lru_cache(maxsize=4096)
def facts(seed: int) -> WorldInfo:
    """What a world is, in words."""
    world = World.from_seed(seed)
    return WorldInfo(seed=seed, kind=world.kind, prompt=world.caption())


def thumbnail(world: World, fov_deg: float, height: int, width: int, turns: Turns, cache: Path) -> bytes:
    """The first view as JPEG, which takes two seconds once, and a turn: it is drawn on the same cores as videos.

    cache: a folder of ours
    """
    file = cache / f"{world.seed}-{world.kind}-{fov_deg:.1f}-{width}x{height}.jpg"
    with suppress(OSError):
        return file.read_bytes()
    path = CameraPath(
        torch.eye(4, dtype=torch.float64)[None], from_fov(fov_deg, height, width), height, width
    )
    view = turns.run("pictures of worlds", first_view, world, path, height, width)
    data = jpeg(view, quality=88)
    with suppress(OSError):
        if sum(1 for _ in cache.iterdir()) < MOST_KEPT:
            save_bytes(file, data)
    return data


@lru_cache(maxsize=16)
def scene(seed: int, kind: str | None) -> bytes:
    """The triangles about the world's start, as the route says."""
    world = World.from_seed(seed, kind=kind)
    start = world.start()
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
