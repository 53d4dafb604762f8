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
    return Template(_wound(triangles, triangles.mean(1) - middle), np.full(len(triangles), slot))


def _wound(triangles: Floats, outward: Floats) -> Floats:
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
    return convex(faces + [low] if bottom else faces, slot)


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
    return Template(_wound(triangles, triangles.mean(1)), np.full(len(triangles), slot))


@lru_cache(maxsize=1024)
def panel(width: float, height: float, x: float, up: float, z: float, side: int, slot: int) -> Template:
    """An upright rectangle, lower middle at (x, up, z); side 0 faces -z, 1 faces +x, 2 faces +z, 3 faces -x."""
    w = width / 2
    corners = np.array([(-w, 0, 0), (w, 0, 0), (w, height, 0), (-w, height, 0)])
    triangles = _wound(corners[[[0, 1, 2], [0, 2, 3]]], np.array([[0, 0, -1.0]] * 2))
    return Template(triangles, np.full(2, slot)).moved(yaw=-side * np.pi / 2).moved(x, up, z)


@lru_cache(maxsize=1024)
def slab(width: float, depth: float, x: float = 0, up: float = 0, z: float = 0, slot: int = 0) -> Template:
    """A level rectangle that faces up."""
    w, d = width / 2, depth / 2
    corners = np.array([(-w, 0, -d), (w, 0, -d), (w, 0, d), (-w, 0, d)]) + np.array([x, up, z])
    return Template(_wound(corners[[[0, 1, 2], [0, 2, 3]]], np.array([[0, 1.0, 0]] * 2)), np.full(2, slot))


def gable(width: float, height: float, depth: float, slot: int, wall_slot: int) -> Template:
    """A pitched roof whose ridge runs along x; the triangles under it are wall."""
    w, d = width / 2, depth / 2
    a, b, c, e = (-w, 0, -d), (w, 0, -d), (w, 0, d), (-w, 0, d)
    left, right = (-w, height, 0), (w, height, 0)
    roof = convex([[a, b, right, left], [e, c, right, left]], slot)
    body = convex([[a, b, right, left], [e, c, right, left], [a, e, left], [b, c, right]], wall_slot)
    return merge(roof, Template(body.corners[4:], body.slot[4:]))


@lru_cache(maxsize=64)
def house(width: float = 5, wall: float = 2.6, depth: float = 4, roof: float = 1.8) -> Template:
    """Slots: 0 wall, 1 roof, 2 door, 3 windows."""
    parts = [
        box(width, wall + 1, depth, 0).moved(up=-1),
        gable(width + 0.5, roof, depth + 0.7, 1, 0).moved(up=wall - 0.05),
    ]
    gap = 0.03
    parts.append(panel(0.95, 2.0, -0.2 * width, 0, -depth / 2 - gap, 0, 2))
    for x in (0.12, 0.34):
        parts.append(panel(0.8, 0.95, x * width, 1.0, -depth / 2 - gap, 0, 3))
    for x in (-0.25, 0.25):
        parts.append(panel(0.8, 0.95, x * width, 1.0, depth / 2 + gap, 2, 3))
        parts.append(panel(0.8, 0.95, width / 2 + gap, 1.0, x * depth, 1, 3))
        parts.append(panel(0.8, 0.95, -width / 2 - gap, 1.0, x * depth, 3, 3))
    return merge(*parts)


@lru_cache(maxsize=64)
def tower(width: float, floors: int, depth: float, columns: int = 4, seed: int = 0) -> Template:
    """Slots: 0 wall, 1 cornice and plinth, 2 to 5 four groups of windows, lit or dark by group."""
    floor, rng, gap = 3.2, np.random.default_rng(seed), 0.04
    height = floors * floor + 0.8
    parts = [
        box(width, height + 2, depth, 0).moved(up=-2),
        box(width + 0.5, 0.5, depth + 0.5, 1, bottom=True).moved(up=height),
    ]
    parts.append(box(width + 0.25, 2.9, depth + 0.25, 1).moved(up=-2))
    for side, (span, reach) in enumerate(((width, depth), (depth, width), (width, depth), (depth, width))):
        for level in range(floors):
            for column in range(columns):
                along = ((column + 0.5) / columns - 0.5) * span * 0.9
                out = reach / 2 + gap
                x, z = ((along, -out), (out, along), (along, out), (-out, along))[side]
                slot = 2 + int(rng.integers(4))
                parts.append(panel(span / columns * 0.42, 1.5, x, 1.2 + level * floor, z, side, slot))
    return merge(*parts)


@lru_cache(maxsize=64)
def pine(seed: int = 0) -> Template:
    """Slots: 0 needles low, 1 needles high, 2 trunk. About 6 m."""
    rng = np.random.default_rng(seed)
    parts = [frustum(5, 0.26, 0.16, 1.6, 2, cap=False).moved(up=-0.4)]
    for layer, (radius, start, height) in enumerate(((1.75, 0.9, 2.4), (1.35, 2.2, 2.1), (0.95, 3.5, 2.2))):
        cone = frustum(7, radius, 0, height, int(layer > 0))
        parts.append(cone.moved(rng.normal() * 0.06, start, rng.normal() * 0.06, rng.uniform(0, 1)))
    return merge(*parts)


@lru_cache(maxsize=64)
def round_tree(seed: int = 0, detail: int = 1) -> Template:
    """Slots: 0 and 1 leaves, 2 trunk. About 5 m."""
    rng = np.random.default_rng(seed)
    parts = [frustum(6, 0.24, 0.15, 3.0, 2, cap=False).moved(up=-0.5)]
    parts.append(ball(1.65, detail, 0.1, 0, seed, 0.9).moved(up=3.4))
    x, z = rng.uniform(-0.9, 0.9, 2)
    parts.append(ball(1.05, 0, 0.12, 1, seed + 1).moved(x, 4.3, z))
    return merge(*parts)


@lru_cache(maxsize=64)
def tall_tree(seed: int = 0, detail: int = 1) -> Template:
    """A wood's tree: a long trunk under a crown of dented balls. Slots as round_tree. About 9 m."""
    rng = np.random.default_rng(seed)
    parts = [frustum(6, 0.38, 0.24, 5.8, 2, cap=False).moved(up=-0.5)]
    parts.append(ball(2.1, detail, 0.12, 0, seed, 0.85).moved(up=6.2))
    for k in range(2):
        angle = rng.uniform(0, 6.28)
        parts.append(
            ball(1.4, 0, 0.14, 1, seed + k).moved(1.3 * np.cos(angle), 5.4 + 1.6 * k, 1.3 * np.sin(angle))
        )
    return merge(*parts)


@lru_cache(maxsize=64)
def rock(seed: int = 0) -> Template:
    return ball(0.8, 0, 0.22, 0, seed, 0.6).moved(up=0.1)


@lru_cache(maxsize=64)
def bush(seed: int = 0) -> Template:
    return ball(0.7, 0, 0.15, 0, seed, 0.8).moved(up=0.4)


@lru_cache(maxsize=64)
def column(height: float = 4.5) -> Template:
    """Slots: 0 shaft, 1 base and capital."""
    shaft = frustum(10, 0.42, 0.36, height - 0.8, 0, cap=False).moved(up=0.4)
    return merge(box(1.15, 0.4, 1.15, 1), shaft, box(1.05, 0.4, 1.05, 1, bottom=True).moved(up=height - 0.4))


@lru_cache(maxsize=64)
def pier(height: float = 4.5) -> Template:
    """A square column. Slots as column."""
    shaft = box(0.78, height - 0.8, 0.78, 0, top=0.92).moved(up=0.4)
    return merge(box(1.15, 0.4, 1.15, 1), shaft, box(1.05, 0.4, 1.05, 1, bottom=True).moved(up=height - 0.4))


@lru_cache(maxsize=64)
def half_ring(radius: float, thick: float, depth: float, pieces: int = 9) -> Template:
    """A round arch across x, its feet at -radius and radius."""
    angle = np.linspace(np.pi, 0, pieces + 1)
    parts = []
    for a, b in zip(angle[:-1], angle[1:], strict=True):
        ends = [(r * np.cos(t), r * np.sin(t)) for t in (a, b) for r in (radius - thick / 2, radius + thick / 2)]
        (x0, u0), (x1, u1), (x2, u2), (x3, u3) = ends
        front = [(x0, u0, -depth / 2), (x1, u1, -depth / 2), (x3, u3, -depth / 2), (x2, u2, -depth / 2)]
        back = [(x, u, depth / 2) for x, u, _ in front]
        sides = [[front[i], front[(i + 1) % 4], back[(i + 1) % 4], back[i]] for i in (0, 1, 2, 3)]
        parts.append(convex([front, back, *sides]))
    return merge(*parts)


@lru_cache(maxsize=64)
def arch(
    span: float = 3.2, spring: float = 2.4, thick: float = 0.8, top: float = 4.6, pieces: int = 7
) -> Template:
    """One bay of an arcade along x: half a pillar at each side, a round arch and the wall above. Slots: 0 wall, 1 base."""
    radius, half = span / 2, thick / 2
    pillar = 0.55
    parts = []
    for side in (-1, 1):
        x = side * (radius + pillar / 2)
        parts += [box(pillar, spring, thick, 0).moved(x), box(pillar + 0.02, 0.5, thick + 0.16, 1).moved(x)]
        parts.append(box(pillar + 0.02, 0.22, thick + 0.16, 1, bottom=True).moved(x, spring - 0.22))
    angle = np.linspace(np.pi, 0, pieces + 1)
    edge = np.stack([radius * np.cos(angle), spring + radius * np.sin(angle)], axis=1)
    for (x0, u0), (x1, u1) in zip(edge[:-1], edge[1:], strict=True):
        front = [(x0, u0, -half), (x1, u1, -half), (x1, top, -half), (x0, top, -half)]
        back = [(x, u, half) for x, u, _ in front]
        parts.append(
            convex(
                [front, back, [front[0], front[1], back[1], back[0]], [front[3], front[2], back[2], back[3]]],
                0,
            )
        )
    for side in (-1, 1):
        parts.append(box(pillar, top - spring, thick, 0).moved(side * (radius + pillar / 2), spring))
    return merge(*parts)


@lru_cache(maxsize=64)
def lamp(height: float = 3.4) -> Template:
    """Slots: 0 pole, 1 globe."""
    return merge(
        frustum(5, 0.09, 0.06, height, 0, cap=False).moved(up=-0.3), ball(0.3, 0, 0, 1).moved(up=height - 0.1)
    )


@lru_cache(maxsize=64)
def cactus() -> Template:
    parts = [frustum(6, 0.32, 0.28, 3.0, 0)]
    for side, up in ((1, 1.3), (-1, 0.9)):
        parts.append(frustum(6, 0.2, 0.2, 0.7, 0).moved(up=-0.35).moved(side * 0.65, up + 0.35))
        parts.append(frustum(6, 0.2, 0.18, 1.1, 0).moved(side * 0.8, up + 0.3))
    return merge(*parts)


@lru_cache(maxsize=64)
def mesa(seed: int = 0) -> Template:
    """Slots: 0 and 1 strata. About 20 m wide and 12 m high."""
    rng = np.random.default_rng(seed)
    parts, radius, up = [], 10.0, -2.0
    for layer in range(3):
        height, next_radius = rng.uniform(3.5, 6), radius * rng.uniform(0.78, 0.92)
        parts.append(frustum(9, radius, next_radius, height, layer % 2).moved(up=up, yaw=rng.uniform(0, 1)))
        radius, up = next_radius * 0.97, up + height
    return merge(*parts)


@lru_cache(maxsize=64)
def mountain(seed: int = 0, sides: int = 9) -> Template:
    """Slots: 0 slopes, 1 summit. About 70 m wide and 32 m high."""
    rng = np.random.default_rng(seed)
    angle = 2 * np.pi * (np.arange(sides) + rng.uniform(-0.3, 0.3, (4, sides))) / sides
    radius = np.array([[36.0], [23], [11], [0]]) * rng.uniform(0.75, 1.2, (4, sides))
    up = np.array([[0.0], [11], [23], [32]]) * rng.uniform(0.85, 1.1, (4, sides))
    up[0], up[3] = -8, 32
    rings = np.stack([radius * np.cos(angle), up, radius * np.sin(angle)], axis=-1)  # (4, sides, 3)
    parts = []
    for low, high in zip(rings[:-1], rings[1:], strict=True):
        after_low, after_high = np.roll(low, -1, axis=0), np.roll(high, -1, axis=0)
        parts += [np.stack(t, axis=1) for t in ((low, after_low, after_high), (low, after_high, high))]
    corners = np.concatenate(parts)
    slot = np.repeat([0, 0, 0, 0, 1, 1], sides)
    return Template(_wound(corners, corners.mean(1) * np.array([1, 0.2, 1]) + np.array([0, 0.5, 0])), slot)


@lru_cache(maxsize=64)
def boat() -> Template:
    """Slots: 0 hull, 1 sail."""
    hull = box(1.2, 0.7, 3.4, 0, top=1.25)
    sail = convex(
        [
            [(0, 0.9, -0.9), (0, 0.9, 1.3), (0, 4.2, -0.7)],
            [(0.05, 0.9, -0.9), (0.05, 0.9, 1.3), (0.05, 4.2, -0.7)],
        ],
        1,
    )
    return merge(hull, sail)


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
