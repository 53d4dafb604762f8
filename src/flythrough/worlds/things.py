"""What stands in the worlds: houses, trees, rocks, pillars, lamps. Each template says which slot wears which colour."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np

from flythrough.worlds.shapes import Template, ball, box, convex, frustum, gable, merge, panel, wound


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
    for a, b in pairwise(angle):
        ends = [
            (r * np.cos(t), r * np.sin(t)) for t in (a, b) for r in (radius - thick / 2, radius + thick / 2)
        ]
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
    """One bay of an arcade along x: half a pillar a side, a round arch, the wall above. Slots: 0 wall, 1 base."""
    radius, half = span / 2, thick / 2
    pillar = 0.55
    parts = []
    for side in (-1, 1):
        x = side * (radius + pillar / 2)
        parts += [box(pillar, spring, thick, 0).moved(x), box(pillar + 0.02, 0.5, thick + 0.16, 1).moved(x)]
        parts.append(box(pillar + 0.02, 0.22, thick + 0.16, 1, bottom=True).moved(x, spring - 0.22))
    angle = np.linspace(np.pi, 0, pieces + 1)
    edge = np.stack([radius * np.cos(angle), spring + radius * np.sin(angle)], axis=1)
    for (x0, u0), (x1, u1) in pairwise(edge):
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
    for low, high in pairwise(rings):
        after_low, after_high = np.roll(low, -1, axis=0), np.roll(high, -1, axis=0)
        parts += [np.stack(t, axis=1) for t in ((low, after_low, after_high), (low, after_high, high))]
    corners = np.concatenate(parts)
    slot = np.repeat([0, 0, 0, 0, 1, 1], sides)
    return Template(wound(corners, corners.mean(1) * np.array([1, 0.2, 1]) + np.array([0, 0.5, 0])), slot)


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
