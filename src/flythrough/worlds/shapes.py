"""Low-poly shapes: templates of a few facets, placed many at a time.

Templates stand on the ground at the origin and are built with "up" positive; `place` turns them into world
coordinates, where y points down. Facets are wound so that their normals point outwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from flythrough.worlds.hashing import Floats
from flythrough.worlds.mesh import Label, Material, Mesh

OUTLINE_STEP = 0.4  # metres of height a band of an outline
OUTLINE_BANDS = 48


@dataclass(frozen=True, eq=False)
class Template:
    """corners (n, 3, 3) x, up, z; slot (n,): which of an instance's colours a facet wears."""

    corners: Floats
    slot: NDArray[np.int64]

    def moved(self, x: float = 0, up: float = 0, z: float = 0, yaw: float = 0, scale: float = 1) -> Template:
        c, s = np.cos(yaw), np.sin(yaw)
        turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
        return Template(scale * self.corners @ turn.T + np.array([x, up, z]), self.slot)

    def colored(self, slot: int) -> Template:
        return Template(self.corners, np.full(len(self.corners), slot))


@lru_cache(maxsize=256)
def outline(template: Template) -> Floats:
    """How far (OUTLINE_BANDS,) a template reaches from its axis in bands of height; 0 where there is nothing."""
    ends = np.roll(template.corners, -1, axis=1)
    share = np.linspace(0, 1, 33)[:, None, None, None]  # the widest place at any height lies on an edge
    points = (template.corners + share * (ends - template.corners)).reshape(-1, 3)
    band = (points[:, 1] / OUTLINE_STEP).astype(int).clip(0, OUTLINE_BANDS - 1)
    radius = np.zeros(OUTLINE_BANDS)
    np.maximum.at(radius, band, np.hypot(points[:, 0], points[:, 2]))
    return radius


def outline_radius(outlines: Floats, template: NDArray[np.int64], above: Floats, margin: Floats) -> Floats:
    """Reach (N, M) of M things, numbered in outlines (T, OUTLINE_BANDS), within `margin` (M,) of heights (N, M)."""
    reach = np.zeros(above.shape)
    for shift in (-1.0, 0.0, 1.0):
        band = np.floor((above + shift * margin) / OUTLINE_STEP).astype(int)
        inside = (band >= -4) & (band < OUTLINE_BANDS)  # foundations reach below the ground
        found = outlines[template, band.clip(0, OUTLINE_BANDS - 1)]
        reach = np.maximum(reach, np.where(inside, found, 0))
    return reach


def merge(*parts: Template) -> Template:
    return Template(np.concatenate([p.corners for p in parts]), np.concatenate([p.slot for p in parts]))


def convex(faces: Sequence[Sequence[Sequence[float]]], slot: int = 0) -> Template:
    """Flat faces of a convex body, as polygons; fanned into triangles and wound outwards."""
    triangles = np.array([[f[0], f[i], f[i + 1]] for f in faces for i in range(1, len(f) - 1)], dtype=float)
    middle = triangles.reshape(-1, 3).mean(0)
    return Template(wound(triangles, triangles.mean(1) - middle), np.full(len(triangles), slot))


def wound(triangles: Floats, outward: Floats) -> Floats:
    normal = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    inward = (normal * outward).sum(-1) < 0
    triangles = triangles.copy()
    triangles[inward] = triangles[inward][:, ::-1]
    return triangles


@lru_cache(maxsize=1024)
def box(
    width: float, height: float, depth: float, slot: int = 0, top: float = 1.0, bottom: bool = False
) -> Template:
    """Standing on the ground, centred; `top` shrinks the upper face."""
    x, z, h = width / 2, depth / 2, height
    low = [(-x, 0, -z), (x, 0, -z), (x, 0, z), (-x, 0, z)]
    high = [(a * top, h, c * top) for a, _, c in low]
    faces = [[low[i], low[(i + 1) % 4], high[(i + 1) % 4], high[i]] for i in range(4)] + [high]
    return convex([*faces, low] if bottom else faces, slot)


@lru_cache(maxsize=1024)
def frustum(sides: int, low: float, high: float, height: float, slot: int = 0, cap: bool = True) -> Template:
    """A many-sided post, or a cone when high is 0."""
    angle = 2 * np.pi * np.arange(sides) / sides
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    bottom = [(low * a, 0.0, low * b) for a, b in ring]
    if high == 0:
        faces = [[bottom[i], bottom[(i + 1) % sides], (0.0, height, 0.0)] for i in range(sides)]
        return convex(faces, slot)
    top = [(high * a, height, high * b) for a, b in ring]
    faces = [[bottom[i], bottom[(i + 1) % sides], top[(i + 1) % sides], top[i]] for i in range(sides)]
    return convex([*faces, top] if cap else faces, slot)


@lru_cache(maxsize=1024)
def ball(
    radius: float, detail: int = 1, dent: float = 0.12, slot: int = 0, seed: int = 0, flat: float = 1.0
) -> Template:
    """A dented icosphere with 20 (detail 0) or 80 facets, centred at its middle; `flat` squashes it."""
    g = (1 + 5**0.5) / 2
    points = np.array([(-1, g, 0), (1, g, 0), (-1, -g, 0), (1, -g, 0), (0, -1, g), (0, 1, g), (0, -1, -g), (0, 1, -g),
                       (g, 0, -1), (g, 0, 1), (-g, 0, -1), (-g, 0, 1)])  # fmt: skip
    faces = [(0, 11, 5), (0, 5, 1), (0, 1, 7), (0, 7, 10), (0, 10, 11), (1, 5, 9), (5, 11, 4), (11, 10, 2), (10, 7, 6),
             (7, 1, 8), (3, 9, 4), (3, 4, 2), (3, 2, 6), (3, 6, 8), (3, 8, 9), (4, 9, 5), (2, 4, 11), (6, 2, 10),
             (8, 6, 7), (9, 8, 1)]  # fmt: skip
    triangles = points[np.array(faces)]
    for _ in range(detail):
        a, b, c = triangles[:, 0], triangles[:, 1], triangles[:, 2]
        ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
        quads = [np.stack(t, axis=1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
        triangles = np.concatenate(quads)
        triangles = triangles / np.linalg.norm(triangles, axis=-1, keepdims=True)
    triangles = triangles / np.linalg.norm(triangles, axis=-1, keepdims=True)
    rng = np.random.default_rng(seed)
    waves, phases = rng.normal(size=(6, 3)) * 2.2, rng.uniform(0, 6.28, 6)
    bumps = np.sin(triangles @ waves.T + phases).mean(-1, keepdims=True)
    triangles = triangles * radius * (1 + 2.2 * dent * bumps) * np.array([1, flat, 1])
    return Template(wound(triangles, triangles.mean(1)), np.full(len(triangles), slot))


@lru_cache(maxsize=1024)
def panel(width: float, height: float, x: float, up: float, z: float, side: int, slot: int) -> Template:
    """An upright rectangle, lower middle at (x, up, z); side 0 faces -z, 1 faces +x, 2 faces +z, 3 faces -x."""
    w = width / 2
    corners = np.array([(-w, 0, 0), (w, 0, 0), (w, height, 0), (-w, height, 0)])
    triangles = wound(corners[[[0, 1, 2], [0, 2, 3]]], np.array([[0, 0, -1.0]] * 2))
    return Template(triangles, np.full(2, slot)).moved(yaw=-side * np.pi / 2).moved(x, up, z)


@lru_cache(maxsize=1024)
def slab(width: float, depth: float, x: float = 0, up: float = 0, z: float = 0, slot: int = 0) -> Template:
    """A level rectangle that faces up."""
    w, d = width / 2, depth / 2
    corners = np.array([(-w, 0, -d), (w, 0, -d), (w, 0, d), (-w, 0, d)]) + np.array([x, up, z])
    return Template(wound(corners[[[0, 1, 2], [0, 2, 3]]], np.array([[0, 1.0, 0]] * 2)), np.full(2, slot))


def gable(width: float, height: float, depth: float, slot: int, wall_slot: int) -> Template:
    """A pitched roof whose ridge runs along x; the triangles under it are wall."""
    w, d = width / 2, depth / 2
    a, b, c, e = (-w, 0, -d), (w, 0, -d), (w, 0, d), (-w, 0, d)
    left, right = (-w, height, 0), (w, height, 0)
    roof = convex([[a, b, right, left], [e, c, right, left]], slot)
    body = convex([[a, b, right, left], [e, c, right, left], [a, e, left], [b, c, right]], wall_slot)
    return merge(roof, Template(body.corners[4:], body.slot[4:]))


@dataclass
class Piece:
    """Arrays of a Mesh, still in numpy."""

    triangles: Floats
    albedo: Floats
    emission: Floats
    material: NDArray[np.uint8]
    label: NDArray[np.uint8]


def place(
    template: Template,
    positions: Floats,
    colors: Floats,
    *,
    yaw: Floats | float = 0.0,
    scale: Floats | float = 1.0,
    emission: Floats | None = None,
    labels: Sequence[Label] = (Label.GROUND,),
    materials: Sequence[Material] = (Material.MATTE,),
    variation: float = 0.07,
) -> Piece:
    """Instances of a template.

    positions (k, 3): x, up, z metres; colors, emission (k, slots, 3) or (slots, 3) linear; yaw (k,) radians; scale
    (k,) or (k, 3); labels, materials: one a slot (the last one repeats). variation: how much facets differ.
    """
    count, facets = len(positions), len(template.corners)
    yaw = np.broadcast_to(np.asarray(yaw, dtype=float), count)
    scale = np.asarray(scale, dtype=float)
    scale = np.broadcast_to(scale[:, None] if scale.ndim == 1 else scale, (count, 3))
    corners = template.corners[None] * scale[:, None, None, :]
    c, s = np.cos(yaw)[:, None, None], np.sin(yaw)[:, None, None]
    x, up, z = corners[..., 0], corners[..., 1], corners[..., 2]
    world = np.stack([c * x + s * z, -up, -s * x + c * z], axis=-1)
    world += (positions * np.array([1.0, -1.0, 1.0]))[:, None, None, :]

    def per_slot(values: Floats) -> Floats:
        return np.broadcast_to(values, (count, *values.shape[-2:]))[:, template.slot].reshape(-1, 3)

    def by_slot(values: Sequence[int]) -> NDArray[np.uint8]:
        table = np.array(
            [values[min(slot, len(values) - 1)] for slot in range(int(template.slot.max()) + 1)],
            dtype=np.uint8,
        )
        return np.tile(table[template.slot], count)

    wave = np.sin(np.arange(facets)[None] * 2.399 + positions[:, :1] * 1.7 + positions[:, 2:] * 2.3)
    albedo = per_slot(colors) * (1 + variation * wave.reshape(-1, 1))
    dark = np.zeros((1, int(template.slot.max()) + 1, 3))
    return Piece(
        triangles=world.reshape(-1, 3, 3)[:, ::-1],  # flipping the axis flips the winding
        albedo=albedo,
        emission=per_slot(dark if emission is None else emission),
        material=by_slot(materials),
        label=by_slot(labels),
    )


def to_mesh(pieces: Sequence[Piece]) -> Mesh:
    """Join pieces, with unit facet normals from the winding; facets without an area are left out."""
    corners = np.concatenate([p.triangles for p in pieces]).astype(np.float32)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    keep = length[:, 0] > 1e-7
    arrays = [
        corners,
        normals / np.maximum(length, 1e-7),
        np.concatenate([p.albedo for p in pieces]).clip(0, 1).astype(np.float32),
        np.concatenate([p.emission for p in pieces]).astype(np.float32),
        np.concatenate([p.material for p in pieces]),
        np.concatenate([p.label for p in pieces]),
    ]
    return Mesh(*(torch.from_numpy(np.ascontiguousarray(array[keep])) for array in arrays))
