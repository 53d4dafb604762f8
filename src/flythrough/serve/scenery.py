"""Rendered worlds for the studio: words, a first view, and triangles to look at in 3-D."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from flythrough.camera.intrinsics import from_fov
from flythrough.camera.pose import invert
from flythrough.media import Picture
from flythrough.media.files import save_bytes
from flythrough.serve.pictures import jpeg
from flythrough.serve.schema import WorldInfo
from flythrough.serve.turns import Turns
from flythrough.tensors import threads
from flythrough.worlds.mesh import Material
from flythrough.worlds.render import RenderScene, prepare, render, tone
from flythrough.worlds.world import World

FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}  # a seed's world never changes
MOST_KEPT = 4000  # pictures of worlds, 25 KB each at most
T = TypeVar("T")
DRAWING = "pictures of worlds"  # whose turn it is
NEAR_M = 120.0  # what lies farther away makes a 3-D view slow and shows little


@lru_cache(maxsize=4096)
def facts(seed: int) -> WorldInfo:
    """What a world is, in words."""
    world = World.from_seed(seed)
    return WorldInfo(seed=seed, kind=world.kind, prompt=world.caption())


def picture(
    world: World, fov_deg: float, full: tuple[int, int], width: int | None, turns: Turns, cache: Path
) -> bytes:
    """The first view as JPEG. It is drawn once, in a turn: on the same cores as videos.

    full: height and width of a model's frames, which is how large it is where no smaller width is asked for. That
    takes a second on a CPU core, a small one a third of it.
    cache: a folder of ours
    """
    height, whole = full
    small = width is not None and width < whole
    if small:
        height, whole = max(1, round(height * width / whole)), width
    file = cache / f"{world.seed}-{world.kind}-{fov_deg:.1f}-{whole}x{height}.jpg"
    with suppress(OSError):
        return file.read_bytes()
    view = turns.run(DRAWING, _on_one_core, _view, world, fov_deg, height, whole, 2 if small else 3)
    data = jpeg(view, quality=88)
    with suppress(OSError):
        if sum(1 for _ in cache.iterdir()) < MOST_KEPT:
            save_bytes(file, data)
    return data


def scene(world: World, turns: Turns) -> bytes:
    """The triangles about the world's start, as the route says."""
    return turns.run(DRAWING, _on_one_core, _triangles, world.seed, world.kind)


def _on_one_core(draw: Callable[..., T], *given: Any) -> T:
    """Drawing is a long row of small steps: where others use the cores too, helpers at each take ten times as long."""
    with threads(1):
        return draw(*given)


@dataclass(frozen=True)
class _Place:
    """A world about its first view. start: c2w (4, 4) of that view."""

    start: Tensor
    scene: RenderScene


@lru_cache(maxsize=4)  # 7 MB each; whoever looks at a picture often wants another, or the triangles
def _place(seed: int, kind: str) -> _Place:
    world = World.from_seed(seed, kind=kind)
    start = world.start()
    points = start[None, :3, 3].float()
    return _Place(start, prepare(world.mesh(points), world.light, points))


def _view(world: World, fov_deg: float, height: int, width: int, supersample: int) -> Picture:
    here = _place(world.seed, world.kind)
    lens = from_fov(fov_deg, height, width)[None]
    return (
        render(here.scene, here.start[None], lens, height, width, supersample=supersample).rgb[0, 0].numpy()
    )


@lru_cache(maxsize=16)
def _triangles(seed: int, kind: str) -> bytes:
    here = _place(seed, kind)
    lit, mesh, light = here.scene, here.scene.mesh, here.scene.light
    moved = mesh.transformed(invert(here.start)).triangles
    near = moved.norm(dim=-1).amin(1) < NEAR_M
    wet = near & (mesh.material == Material.WATER)
    order = torch.cat([(near & ~wet).nonzero(), wet.nonzero()]).squeeze(1)
    color = lit.sun + lit.ambient + mesh.emission
    if light.water_color is not None:
        color[wet] = light.water_color
    rgb = (tone(color[order] * light.exposure) * 255).round().to(torch.uint8).repeat_interleave(3, 0).numpy()
    corners = moved[order].reshape(-1, 3).numpy().astype("<f4")
    vertices, index = np.unique(
        np.concatenate([corners.view(np.uint8).reshape(-1, 12), rgb], 1), axis=0, return_inverse=True
    )
    xyz, colors = vertices[:, :12].tobytes(), vertices[:, 12:].tobytes()
    padding = b"\0" * (-len(colors) % 4)
    head = struct.pack("<III", len(vertices), len(order), int(wet.sum()))
    return head + xyz + colors + padding + index.astype("<u4").tobytes()
