"""What every kind of world offers, and the pieces that most of them share: ground, water, scattered things."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from flythrough.worlds import hashing, shapes
from flythrough.worlds.hashing import Floats, smooth
from flythrough.worlds.mesh import Label, Light, Material
from flythrough.worlds.palettes import MOODS, Mood
from flythrough.worlds.shapes import Piece, Template

MARGIN = 0.5  # metres between a camera outdoors and anything
Field = Callable[[Floats], Floats]  # places (N, 2) x z -> (N,)


@dataclass
class Scatter:
    """Things of a kind, strewn over the plane by a hash of their lattice place."""

    templates: Sequence[Template]
    far: Sequence[Template]  # coarser ones beyond `near` metres; may be empty: then nothing
    spacing: float
    density: Field  # share of lattice places that hold a thing
    colors: Floats  # (variants, slots, 3)
    labels: Sequence[Label]
    scale: tuple[float, float] = (0.8, 1.3)
    near: float = 45
    reach: float = 105
    emission: Floats | None = None  # (slots, 3)
    materials: Sequence[Material] = (Material.MATTE,)
    sink: float = 0.0
    yaw: float | None = None  # None: any
    afloat: bool = False  # on deep water, where other things are on dry land
    name: str = ""


@dataclass
class Scene(ABC):
    """One world. `stream(purpose)` names its endless random numbers."""

    seed: int
    split: str
    kind: str
    rng: Generator = field(init=False)
    mood_name: str = field(init=False)
    attributes: dict[str, str] = field(init=False, default_factory=dict)
    light: Light = field(init=False)
    eye: ClassVar[float] = 1.7  # metres above the ground
    indoor: ClassVar[bool] = False
    along: ClassVar[bool] = False  # looked along z, as a street is, not across
    speed: ClassVar[tuple[float, float]] = (1.0, 5.0)  # metres per second of a walk
    moods: ClassVar[tuple[str, ...]] = ("day", "golden", "dusk")

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.stream("world"))
        self.mood_name = self.moods[int(self.rng.integers(len(self.moods)))]
        self.attributes = {"kind": self.kind, "time": self.mood_name}
        self.build(self.rng)

    @property
    def mood(self) -> Mood:
        return MOODS[self.mood_name]

    def stream(self, purpose: str) -> int:
        return hashing.key(self.split, self.seed, self.kind, purpose)

    @abstractmethod
    def build(self, rng: Generator) -> None:
        """Draw the palette, light and everything else that is the same all over this world."""

    @abstractmethod
    def pieces(self, points: Floats) -> list[Piece]:
        """All that can be seen from near points (P, 2)."""

    @abstractmethod
    def ground(self, places: Floats) -> Floats:
        """Height (N,) of what one stands on at places (N, 2), metres up."""

    def blocked(self, places: Floats, up: Floats) -> NDArray[np.bool_]:
        """Whether a camera at places (N, 2), `up` metres high, would be inside of something or too close to it."""
        return up < self.ground(places) + 0.5

    def middle(self, z: float) -> float:
        """x of the middle of what leads along z: a bending canyon's stream; 0 where it runs straight."""
        return 0.0

    def start(self) -> tuple[float, float, float]:
        """x, z and yaw (radians, 0 looks along +z) near which a first view is looked for."""
        return 0.0, 0.0, 0.0

    def outlook(self, rng: Generator, attempt: int) -> tuple[float, float, float]:
        """x, z and yaw of a candidate for the first view; later attempts stray further."""
        x, z, yaw = self.start()
        spread = 0.0 if attempt == 0 else 3.0 + 0.6 * attempt
        if not self.along:
            place = np.array([x, z]) + spread * rng.normal(size=2)
            if self.mood_name == "night" and rng.random() < 0.6:  # the moon is worth seeing
                away = self.light.sun_direction
                return *place, math.atan2(float(away[0]), float(away[2])) + rng.normal() * 0.3
            return *place, rng.uniform(-np.pi, np.pi)
        ahead = z + 2 * spread * rng.normal()
        aside = x - self.middle(z) + 0.08 * min(spread, 12) * rng.normal()
        turn = yaw + rng.normal() * 0.16 + (np.pi if rng.random() < 0.5 else 0.0)
        return self.middle(ahead) + aside, ahead, turn


class Open(Scene):
    """Country under the sky: terrain, perhaps water, and scattered things."""

    water_level: float | None = None
    ground_colors: Floats
    shore_colors: Floats | None = None
    steep_colors: Floats | None = None
    water_color: Floats | None = None
    scatters: list[Scatter]
    height: Field  # of the land, metres up
    cell: float = 3.0

    def ground(self, places: Floats) -> Floats:
        height = self.height(places)
        return height if self.water_level is None else np.maximum(height, self.water_level)

    def pieces(self, points: Floats) -> list[Piece]:
        out = [self.terrain(points)]
        if self.water_level is not None:
            out.append(water(points, self.water_level))
        for scatter in self.scatters:
            out += self.strewn(scatter, points)
        return out

    def strewn(self, scatter: Scatter, points: Floats) -> list[Piece]:
        places, numbers = self.things(scatter, points, scatter.reach if scatter.far else scatter.near)
        distance = hashing.distance_to(places, points) if len(places) else np.zeros(0)
        out = []
        groups = [(scatter.templates, distance < scatter.near), (scatter.far, distance >= scatter.near)]
        for templates, mask in groups:
            for index, template in enumerate(templates):
                chosen = mask & ((numbers[:, 1] * len(templates)).astype(int) == index)
                if chosen.any():
                    out.append(self._placed(scatter, template, places[chosen], numbers[chosen]))
        return out

    def things(self, scatter: Scatter, points: Floats, reach: float) -> tuple[Floats, Floats]:
        """Places (N, 2) of a scatter's things and their numbers (N, 6)."""
        stream = self.stream(scatter.name or str(self.scatters.index(scatter)))
        places, numbers = hashing.lattice(stream, scatter.spacing, points, reach, 6)
        keep = numbers[:, 0] < scatter.density(places)
        if self.water_level is not None:
            height = self.height(places) - self.water_level
            keep &= height < -0.7 if scatter.afloat else height > 0.25
        return places[keep], numbers[keep]

    def _placed(self, scatter: Scatter, template: Template, places: Floats, numbers: Floats) -> Piece:
        low, high = scatter.scale
        up = self.foot(scatter, places)
        variant = (numbers[:, 4] * len(scatter.colors)).astype(int)
        return shapes.place(
            template,
            np.stack([places[:, 0], up, places[:, 1]], axis=1),
            scatter.colors[variant],
            yaw=numbers[:, 2] * 2 * np.pi if scatter.yaw is None else scatter.yaw,
            scale=low + (high - low) * numbers[:, 3],
            emission=scatter.emission,
            labels=scatter.labels,
            materials=scatter.materials,
        )

    def foot(self, scatter: Scatter, places: Floats) -> Floats:
        """Height (N,) of what a scatter's things at places (N, 2) stand on."""
        return (self.ground(places) if scatter.afloat else self.height(places)) - scatter.sink

    def blocked(self, places: Floats, up: Floats) -> NDArray[np.bool_]:
        bad = up < self.crest(places) + MARGIN
        for scatter in self.scatters:
            outlines = [shapes.outline(template) for template in scatter.templates]
            low, high = scatter.scale
            widest = high * max(float(radius.max()) for radius in outlines)
            jitter = 1.25 * scatter.spacing  # a thing stands up to so far from its lattice place
            things, numbers = self.things(scatter, places, MARGIN + widest + jitter)
            if not len(things):
                continue
            scale = low + (high - low) * numbers[:, 3]
            foot = self.foot(scatter, things)
            template = (numbers[:, 1] * len(outlines)).astype(int)
            above = (up[:, None] - foot) / scale  # at the thing's own size, as its outline is
            radius = shapes.outline_radius(np.stack(outlines), template, above, MARGIN / scale)
            distance = np.linalg.norm(places[:, None] - things[None], axis=-1)
            bad |= (distance < radius * scale + MARGIN * (radius > 0)).any(1)
        return bad

    def crest(self, places: Floats) -> Floats:
        """The highest ground (N,) within a step of places (N, 2): facets may stand out of the smooth surface."""
        steps = 0.8 * np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]])
        around = (places[:, None] + steps).reshape(-1, 2)
        return self.ground(around).reshape(len(places), -1).max(1)

    def terrain(self, points: Floats) -> Piece:
        """A jittered triangle grid, fine near the path and coarse far away, without cracks between the two."""
        fine, tile = self.cell, 9 * self.cell
        near, far = _tiles(points, tile, 42), _tiles(points, tile, 130)
        is_near = {tuple(t) for t in near.tolist()}
        coarse = np.array([t for t in far.tolist() if tuple(t) not in is_near])
        triangles = [self._grid(near, fine, 9)]
        if len(coarse):
            triangles.append(self._grid(coarse, 3 * fine, 3))
        return self._painted(np.concatenate(triangles))

    def _grid(self, tiles: NDArray[np.int64], cell: float, count: int) -> Floats:
        """Triangles (N, 3, 3) x up z of tiles with count x count cells each."""
        a, b = np.meshgrid(np.arange(count + 1), np.arange(count + 1), indexing="ij")
        step = 9 // count
        i = (tiles[:, :1, None] * 9 + a * step).astype(np.int64)
        j = (tiles[:, 1:, None] * 9 + b * step).astype(np.int64)
        x, up, z = self._vertices(i.ravel(), j.ravel())
        grid = np.stack([x, up, z], axis=-1).reshape(len(tiles), count + 1, count + 1, 3)
        p, q, r, s = grid[:, :-1, :-1], grid[:, 1:, :-1], grid[:, 1:, 1:], grid[:, :-1, 1:]
        return np.concatenate([np.stack(t, axis=3).reshape(-1, 3, 3) for t in ((p, q, r), (p, r, s))])

    def _vertices(self, i: NDArray[np.int64], j: NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
        """World place of the fine lattice's vertices. On a tile's border those between the coarse vertices lie on
        the line from one to the next, so that a coarse neighbour fits."""
        x, z = self._jittered(i, j)
        up = self.height(np.stack([x, z], axis=1))
        for axis in (0, 1):
            along, across = (j, i) if axis == 0 else (i, j)
            between = ((across % 9 == 0) & (along % 3 != 0)).nonzero()[0]
            along, across = along[between], across[between]
            low = along - along % 3
            share = (along % 3) / 3
            ends = []
            for end in (low, low + 3):
                px, pz = self._jittered(*((across, end) if axis == 0 else (end, across)))
                ends.append(np.stack([px, self.height(np.stack([px, pz], axis=1)), pz], axis=1))
            x[between], up[between], z[between] = (ends[0] + share[:, None] * (ends[1] - ends[0])).T
        return x, up, z

    def _jittered(self, i: NDArray[np.int64], j: NDArray[np.int64]) -> tuple[Floats, Floats]:
        numbers = hashing.uniforms(self.stream("jitter"), i, j, 2) - 0.5
        return self.cell * (i + 0.62 * numbers[:, 0]), self.cell * (j + 0.62 * numbers[:, 1])

    def _painted(self, triangles: Floats) -> Piece:
        normal = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
        down = normal[:, 1] < 0
        triangles[down] = triangles[down][:, ::-1]
        slope = np.abs(normal[:, 1]) / np.maximum(np.linalg.norm(normal, axis=1), 1e-9)
        middle = triangles.mean(1)
        place = np.floor(middle[:, ::2] * 16).astype(np.int64)
        numbers = hashing.uniforms(self.stream("paint"), place[:, 0], place[:, 1], 2)
        patch = smooth(self.stream("patch"), middle[:, ::2], 17)
        which = ((patch + 0.35 * (numbers[:, 0] - 0.5)).clip(0, 0.999) * len(self.ground_colors)).astype(int)
        albedo = self.ground_colors[which]
        label = np.full(len(triangles), Label.GROUND, dtype=np.uint8)
        if self.steep_colors is not None:
            steep = slope < 0.78
            strata = np.floor(middle[:, 1] / 2.2 + 0.6 * numbers[:, 1]).astype(int) % len(self.steep_colors)
            albedo = np.where(steep[:, None], self.steep_colors[strata], albedo)
            label[steep] = Label.ROCK
        if self.shore_colors is not None and self.water_level is not None:
            low = middle[:, 1] < self.water_level + 0.45
            shore = (numbers[:, 1] * len(self.shore_colors)).astype(int)
            albedo = np.where(low[:, None], self.shore_colors[shore], albedo)
        albedo = albedo * (0.95 + 0.10 * numbers[:, 1:])
        flipped = triangles * np.array([1.0, -1.0, 1.0])
        return Piece(flipped[:, ::-1], albedo, np.zeros_like(albedo), np.zeros(len(albedo), np.uint8), label)


def water(points: Floats, level: float) -> Piece:
    """A level sheet to the horizon, in large triangles."""
    low, high = points.min(0) - 240, points.max(0) + 240
    x, z = np.linspace(low[0], high[0], 9), np.linspace(low[1], high[1], 9)
    grid = np.stack(np.meshgrid(x, z, indexing="ij"), axis=-1)
    grid = np.stack([grid[..., 0], np.full(grid.shape[:2], -level), grid[..., 1]], axis=-1)
    p, q, r, s = grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]
    triangles = np.concatenate([np.stack(t, axis=2).reshape(-1, 3, 3) for t in ((p, q, r), (p, r, s))])
    normal = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    triangles[normal[:, 1] > 0] = triangles[normal[:, 1] > 0][:, ::-1]
    count = len(triangles)
    return Piece(
        triangles,
        np.full((count, 3), 0.1),
        np.zeros((count, 3)),
        np.full(count, Material.WATER, np.uint8),
        np.full(count, Label.WATER, np.uint8),
    )


def _tiles(points: Floats, size: float, reach: float) -> NDArray[np.int64]:
    """Tiles (N, 2) whose middle lies within reach of the points."""
    low = np.floor((points.min(0) - reach) / size).astype(np.int64)
    high = np.ceil((points.max(0) + reach) / size).astype(np.int64)
    i, j = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1), indexing="ij")
    tiles = np.stack([i.ravel(), j.ravel()], axis=1)
    return tiles[hashing.distance_to((tiles + 0.5) * size, points) < reach]


def aslant(rng: Generator) -> float:
    """Azimuth of a sun that shines into a street along z and lights one of its sides."""
    return rng.uniform(0.3, 1.1) * rng.choice([-1, 1]) + np.pi * rng.integers(2)
