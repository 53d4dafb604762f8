"""Places that people built: streets, arcades, a colonnade on water, and rooms."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from flythrough.worlds import hashing, palettes, shapes
from flythrough.worlds.hashing import Floats
from flythrough.worlds.mesh import Label, Material
from flythrough.worlds.palettes import colors, shifted
from flythrough.worlds.scenes.base import Open, Scene, aslant, rolling, variants
from flythrough.worlds.scenes.country import AUTUMN, BLOSSOM, GREENS, WARM_WINDOW, Country
from flythrough.worlds.shapes import Piece, Template

GLOBE_LIT = np.array([[0, 0, 0], [1.9, 1.35, 0.7]])
GLOBE_DARK = np.array([[0, 0, 0], [0.2, 0.2, 0.2]])
MATTE_AND_GLOBE = (Material.MATTE, Material.NO_SHADOW)


def at(x: Floats, up: Floats | float, z: Floats) -> Floats:
    """Positions (N, 3) for `place`."""
    return np.stack([x, np.broadcast_to(np.asarray(up, dtype=float), x.shape), z], axis=1)


def lanterns(x: Floats, up: float, z: Floats) -> Piece:
    """Waist-high lit lamps beside a walk."""
    return shapes.place(shapes.lamp(1.5), at(x, up, z), colors("2f3038", "f4ead0"), emission=GLOBE_LIT,
                        labels=(Label.LAMP,), materials=MATTE_AND_GLOBE)  # fmt: skip


class Street(Scene):
    """A grid of streets between towers, with parks here and there."""

    along = True
    moods = ("dusk", "golden", "morning", "violet", "day", "blue", "night")
    PITCH, LOT, ROAD, KERB = 36.0, 11.5, 4.2, 7.0  # metres: street to street, lot, half a road, half a street
    BLOCK = 5  # lots from one cross street to the next; the fifth is the street

    def build(self, rng: Generator) -> None:
        hue, lift = rng.uniform(-0.02, 0.02), rng.uniform(0.9, 1.08)
        sets = [
            colors("c77d6b", "d9a07e", "8d6a8a", "5f6a97", "e2bf94", "a9657a"),
            colors("d8c3a5", "c9a98a", "e6d5b8", "b58a72", "9aa3ad", "cfae84"),
            colors("8fa3b5", "b5c0c8", "6f86a0", "d5cfc2", "a38f86", "c4b59f"),
        ]
        made = int(rng.integers(3))
        self.walls = shifted(sets[made], hue, lift)
        self.road = shifted(colors("4a4359", "55525f", "5d5a5c")[int(rng.integers(3))][None], hue, lift)[0]
        self.pavement = colors("8d8390", "a39a98", "b3a99c")[int(rng.integers(3))]
        self.parks = rng.uniform(0.05, 0.3)
        self.floors = (3, 7) if rng.random() < 0.4 else (5, 13)
        tints = {"autumn": AUTUMN, "green": GREENS, "blossom": BLOSSOM}
        season = ("green", "green", "autumn", "blossom")[int(rng.integers(4))]
        self.tints = tints[season]
        self.attributes |= {
            "ground": f"a street of {'low' if self.floors[1] < 8 else 'tall'} "
            f"{('colourful', 'sandstone', 'grey and blue')[made]} houses",
            "trees": f"{season} trees along the pavement",
            "things": "lit windows and street lamps" if self.mood.lit else "parks between the houses",
        }
        self.light = palettes.light(
            self.mood, rng, ground=self.pavement, fog_density=rng.uniform(0.004, 0.009), azimuth=aslant(rng)
        )
        low, high = self.floors
        self.templates = [
            shapes.tower(9.6, int(f), 9.8, int(c), seed=k)
            for k, (f, c) in enumerate(zip(np.linspace(low, high, 5).round(), (3, 4, 3, 4, 3), strict=True))
        ]
        self.outlines = [shapes.box(9.6, 3.2 * f + 0.8, 9.8, 0) for f in np.linspace(low, high, 5).round()]
        self.heights = 3.2 * np.linspace(low, high, 5).round() + 1.4

    def ground(self, places: Floats) -> Floats:
        return np.zeros(len(places))

    def lots(self, points: Floats, reach: float) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """Middles (N, 2) of building lots, their numbers (N, 8) and lattice (N, 2); two columns to a block."""
        i0, j0 = np.floor((points.min(0) - reach) / (self.PITCH, self.LOT)).astype(int)
        i1, j1 = np.ceil((points.max(0) + reach) / (self.PITCH, self.LOT)).astype(int)
        i, j = np.meshgrid(np.arange(2 * i0, 2 * i1 + 2), np.arange(j0, j1 + 1), indexing="ij")
        i, j = i.ravel(), j.ravel()
        x = (i // 2) * self.PITCH + np.where(i % 2 == 0, self.KERB + 5.4, self.PITCH - self.KERB - 5.4)
        middle = np.stack([x, (j + 0.5) * self.LOT], axis=1)
        keep = (j % self.BLOCK != 0) & (hashing.distance_to(middle, points) < reach)
        numbers = hashing.uniforms(self.stream("lots"), i, j, 8)
        return middle[keep], numbers[keep], np.stack([i, j], axis=1)[keep]

    def pieces(self, points: Floats) -> list[Piece]:
        out = self._streets(points)
        middles, numbers, _ = self.lots(points, 125)
        park = numbers[:, 0] < self.parks
        kind = (numbers[:, 1] * 5).astype(int)
        distance = hashing.distance_to(middles, points)
        wall = self.walls[(numbers[:, 2] * len(self.walls)).astype(int)]
        dark = np.array([0.10, 0.12, 0.16]) if self.mood.lit else colors("5f7686")[0]
        lit_share = {"night": 0.5, "dusk": 0.45, "violet": 0.5, "blue": 0.55}.get(self.mood_name, 0.0)
        for index in range(5):
            for near in (True, False):
                chosen = ~park & (kind == index) & ((distance < 60) == near)
                if not chosen.any():
                    continue
                here, count = middles[chosen], int(chosen.sum())
                slots, emission = np.zeros((count, 6, 3)), np.zeros((count, 6, 3))
                slots[:, 0], slots[:, 1], slots[:, 2:] = wall[chosen], wall[chosen] * 0.8, dark
                lit = numbers[chosen, 4:8] < lit_share
                emission[:, 2:] = lit[..., None] * WARM_WINDOW
                slots[:, 2:] = np.where(lit[..., None], colors("ffd98e")[0], slots[:, 2:])
                template = self.templates[index] if near else self.outlines[index]
                labels = (Label.BUILDING,)
                out.append(shapes.place(template, at(here[:, 0], 0, here[:, 1]), slots[:, : int(template.slot.max()) + 1],
                                        emission=emission[:, : int(template.slot.max()) + 1], labels=labels, variation=0.03))  # fmt: skip
        green = middles[park & (distance < 70)]
        if len(green):
            tint = self.tints[(numbers[park & (distance < 70), 3] * len(self.tints)).astype(int)]
            out.append(
                shapes.place(
                    shapes.slab(10.4, 11.2, up=0.16),
                    at(green[:, 0], 0, green[:, 1]),
                    colors("7f9b5a")[None],
                    labels=(Label.GROUND,),
                )
            )
            for dx, dz, scale in ((-2.2, -2.5, 1.0), (2.0, 2.6, 0.8)):
                out.append(shapes.place(shapes.round_tree(1, 1), at(green[:, 0] + dx, 0.1, green[:, 1] + dz), tint, scale=scale, labels=(Label.TREE,)))  # fmt: skip
        return out

    def _streets(self, points: Floats) -> list[Piece]:
        low, high = points.min(0) - 150, points.max(0) + 150
        out = []
        pitch_z = self.BLOCK * self.LOT
        i, j = np.meshgrid(np.arange(np.floor(low[0] / self.PITCH), np.ceil(high[0] / self.PITCH) + 1),
                           np.arange(np.floor(low[1] / pitch_z), np.ceil(high[1] / pitch_z) + 1), indexing="ij")  # fmt: skip
        x, z = i.ravel() * self.PITCH, j.ravel() * pitch_z
        keep = hashing.distance_to(np.stack([x, z], axis=1), points) < 165
        x, z = x[keep], z[keep]
        out.append(
            shapes.place(
                shapes.slab(self.PITCH, pitch_z),
                at(x, 0, z),
                self.road[None],
                labels=(Label.ROAD,),
                variation=0.02,
            )
        )
        block = shapes.box(self.PITCH - 2 * self.ROAD, 0.14, (self.BLOCK - 1) * self.LOT + 4.0)
        middle = z + self.LOT + (self.BLOCK - 1) * self.LOT / 2
        out.append(
            shapes.place(
                block,
                at(x + self.PITCH / 2, 0, middle),
                self.pavement[None],
                labels=(Label.ROAD,),
                variation=0.03,
            )
        )
        near = hashing.distance_to(np.stack([x, middle], axis=1), points) < 85
        if not near.any():
            return out
        x, z = x[near], z[near]
        for k in range(10):
            dash = shapes.slab(0.22, 2.4, up=0.012)
            out.append(
                shapes.place(
                    dash, at(x, 0, z + (k + 0.5) * pitch_z / 10), colors("e8dfcf"), labels=(Label.ROAD,)
                )
            )
        globe = GLOBE_LIT if self.mood.lit else GLOBE_DARK
        pole = colors("2f3038", "f4ead0")
        for k in range(self.BLOCK - 1):
            for side in (-1, 1):
                spot = z + (k + 1) * self.LOT + 1.5
                out.append(shapes.place(shapes.lamp(4.2), at(x + side * 5.2, 0.1, spot), pole, emission=globe,
                                        labels=(Label.LAMP,), materials=MATTE_AND_GLOBE))  # fmt: skip
                wish = hashing.uniforms(
                    self.stream("trees"), x.astype(np.int64) * 2 + side, spot.astype(np.int64), 2
                )
                some = wish[:, 0] < 0.55
                if some.any():
                    tint = self.tints[(wish[some, 1] * len(self.tints)).astype(int)]
                    out.append(shapes.place(shapes.round_tree(2, 0), at(x[some] + side * 5.6, 0.1, spot[some] + 5.2), tint,
                                            scale=0.85, labels=(Label.TREE,)))  # fmt: skip
        return out

    def blocked(self, places: Floats, up: Floats) -> NDArray[np.bool_]:
        bad = up < 0.7
        middles, numbers, _ = self.lots(places, 14)
        built = numbers[:, 0] >= self.parks
        heights = np.where(built, self.heights[(numbers[:, 1] * 5).astype(int)], 6.0)
        for middle, height in zip(middles, heights, strict=True):
            near = (np.abs(places - middle) < 5.8).all(1) & (up < height + 0.5)
            bad |= near
        across = (places[:, 0] + self.PITCH / 2) % self.PITCH - self.PITCH / 2
        bad |= (np.abs(np.abs(across) - 5.4) < 0.9) & (up < 5.2)  # lamps
        along = (places[:, 1] - 6.7 + self.LOT / 2) % self.LOT - self.LOT / 2
        to_tree = np.hypot(np.abs(across) - 5.6, along)
        return bad | ((to_tree < 2.4) & (up > 0.9) & (up < 6.0))

    def start(self) -> tuple[float, float, float]:
        return 1.2, 3.0, 0.0


class Arcade(Country):
    """A paved court between two arcades under tiled roofs; gardens beyond."""

    along = True
    moods = ("day", "golden", "morning", "dusk", "blue")
    BAY, HALF, DEEP = 4.3, 5.2, 3.4  # metres: a bay, half the court, the gallery's depth

    def build(self, rng: Generator) -> None:
        rough = rolling(self.stream("garden"), 4, 50)
        self.height = lambda places: (
            -0.15 + (rough(places) + 2) * ((np.abs(places[:, 0]) - 14) / 25).clip(0, 1)
        )
        self.ground_colors = colors("8fa866", "a3b573", "b5bd7d")
        hue, lift = rng.uniform(-0.015, 0.015), rng.uniform(0.95, 1.05)
        stones = (("efdcb8", "e0b98f"), ("e8c4b4", "cf9f8c"), ("ece2d0", "d8c4a4"), ("e0b088", "c28f68"))
        stone = int(rng.integers(4))
        self.stone = shifted(colors(*stones[stone]), hue, lift)
        self.paving = shifted(colors("d9b88f", "c9a27a", "cfae86"), hue, lift)
        self.roof, self.leaves = colors("b85f4b")[0], GREENS
        self.attributes |= {
            "ground": f"an arcade of {('yellow', 'pink', 'white', 'brown')[stone]} stone with round arches",
            "things": "potted trees on tiled paving",
        }
        self.scatters = [self.trees("round", lambda p: 0.4 * (np.abs(p[:, 0]) > 15), GREENS, 7, (0.7, 1.3)),
                         self.pines(lambda p: 0.2 * (np.abs(p[:, 0]) > 22), variants(("5f7f52", "6f8f5c", "6b4a3a")), 7)]  # fmt: skip
        self.finish(rng)

    def pieces(self, points: Floats) -> list[Piece]:
        return super().pieces(points) + self.court(points)

    def bays(self, points: Floats) -> NDArray[np.int64]:
        return np.arange(
            np.floor((points[:, 1].min() - 95) / self.BAY), np.ceil((points[:, 1].max() + 95) / self.BAY)
        ).astype(np.int64)

    def court(self, points: Floats) -> list[Piece]:
        number = self.bays(points)
        z = (number + 0.5) * self.BAY
        zero = np.zeros(len(z))
        gate = number % 7 == 0  # every seventh bay is open to the gardens
        out = []
        for side in (-1, 1):
            x = zero + side * self.HALF
            out.append(
                shapes.place(
                    shapes.arch(),
                    at(x, 0, z),
                    self.stone,
                    yaw=np.pi / 2,
                    labels=(Label.PILLAR,),
                    variation=0.04,
                )
            )
            back = z[~gate]
            wall = shapes.box(0.4, 4.6, self.BAY + 0.02)
            out.append(shapes.place(wall, at(np.full(len(back), side * (self.HALF + self.DEEP)), 0, back), self.stone[:1], labels=(Label.WALL,), variation=0.03))  # fmt: skip
            roof = shapes.convex([[(-0.9, 4.5, -self.BAY / 2), (self.DEEP + 0.9, 5.9, -self.BAY / 2), (self.DEEP + 0.9, 5.9, self.BAY / 2), (-0.9, 4.5, self.BAY / 2)],
                                  [(-0.9, 4.5, -self.BAY / 2), (self.DEEP + 0.9, 4.5, -self.BAY / 2), (self.DEEP + 0.9, 4.5, self.BAY / 2), (-0.9, 4.5, self.BAY / 2)]])  # fmt: skip
            out.append(
                shapes.place(
                    roof, at(x, 0, z), self.roof[None], yaw=0.0 if side > 0 else np.pi, labels=(Label.ROOF,)
                )
            )
            wish = hashing.uniforms(self.stream("pots"), number, np.full_like(number, side), 3)
            potted = (wish[:, 0] < 0.5) & (number % 2 == 0)
            if potted.any():
                pot = shapes.merge(
                    shapes.frustum(8, 0.32, 0.45, 0.7, 0), shapes.ball(0.75, 1, 0.06, 1).moved(up=1.25)
                )
                tint = np.stack(
                    [
                        np.broadcast_to(self.roof, (int(potted.sum()), 3)),
                        self.leaves[(wish[potted, 1] * len(self.leaves)).astype(int), 0],
                    ],
                    axis=1,
                )
                out.append(
                    shapes.place(
                        pot,
                        at(x[potted] - side * 1.0, 0, z[potted] + self.BAY / 2),
                        tint,
                        labels=(Label.PLANT,),
                    )
                )
        if self.mood.lit:
            post = number % 2 == 1
            for side in (-1, 1):
                out.append(lanterns(zero[post] + side * (self.HALF - 1.0), 0.0, z[post] + self.BAY / 2))
        out.append(self._paving(number))
        return out

    def _paving(self, number: NDArray[np.int64]) -> Piece:
        reach = self.HALF + self.DEEP
        columns = np.arange(8)
        i, j = np.meshgrid(columns, np.arange(number[0] * 2, number[-1] * 2 + 2), indexing="ij")
        i, j = i.ravel(), j.ravel()
        size = 2 * reach / 8
        wish = hashing.uniforms(self.stream("tiles"), i, j, 1)[:, 0]
        tile = shapes.slab(size, self.BAY / 2)
        return shapes.place(tile, at((i + 0.5) * size - reach, 0.0, (j + 0.5) * self.BAY / 2),
                            self.paving[(wish * len(self.paving)).astype(int)][:, None], labels=(Label.ROAD,), variation=0.03)  # fmt: skip

    def blocked(self, places: Floats, up: Floats) -> NDArray[np.bool_]:
        bad = Open.blocked(self, places, up) | (up < 0.6)
        away = np.abs(places[:, 0])
        bad |= (np.abs(away - self.HALF) < 0.9) & (up < 6.2)
        bad |= (np.abs(away - self.HALF - self.DEEP) < 0.75) & (up < 6.2)
        double = 2 * self.BAY
        to_pot = (places[:, 1] - self.BAY + double / 2) % double - double / 2
        to_lamp = self.BAY - np.abs(to_pot)
        bad |= (np.hypot(away - self.HALF + 1.0, to_lamp) < 0.8) & (up < 2.4)
        bad |= (np.hypot(away - self.HALF + 1.0, to_pot) < 1.4) & (up < 2.7)
        return bad | ((away > self.HALF - 1) & (away < self.HALF + self.DEEP + 1) & (up > 3.6) & (up < 6.5))


class Colonnade(Country):
    """A stone walk between columns, on calm water, with islands around."""

    along = True
    moods = ("dawn", "pale", "morning", "day", "golden", "dusk", "night")
    fog = (0.003, 0.008)
    water_level = 0.0
    HALF = 2.9  # metres from the middle of the walk to a row of columns

    def build(self, rng: Generator) -> None:
        islands = rolling(self.stream("islands"), 5, rng.uniform(40, 65))
        self.height = lambda places: islands(places) - 0.9 - 5 * np.exp(-((places[:, 0] / 13) ** 2))
        self.ground_colors = colors("8fb08a", "7fa47c", "a3bb8c")
        self.shore_colors = colors("e3d8bc", "d8ccae")
        self.water_color = colors("4c9db0", "5a8fb8", "3f93a8")[int(rng.integers(3))]
        stones = (("e8dfd0", "ded5c6"), ("e9d2b6", "e3c8aa"), ("e0a988", "f0d8bc"), ("c9ccd8", "e6e6ea"))
        name = ("white", "sand", "terracotta", "grey")
        stone = int(rng.integers(4))
        self.stone = colors(*stones[stone])
        self.step = float(rng.choice([4.4, 5.0, 6.2]))
        self.over = ("lintels", "lintels", "arches", "pergola", "nothing")[int(rng.integers(5))]
        self.pillar = shapes.column() if rng.random() < 0.65 else shapes.pier()
        tints, tree = ((BLOSSOM, "blossom"), (GREENS, "green"), (AUTUMN, "autumn"))[int(rng.integers(3))]
        self.tints = tints
        self.planted = rng.random() < 0.5
        above = {"lintels": "stone beams", "arches": "round arches", "pergola": "a leafy pergola", "nothing": "bare columns"}
        self.attributes |= {
            "ground": f"a {name[stone]} stone colonnade on calm water",
            "trees": f"{tree} trees on small islands",
            "things": above[self.over] + (" and potted plants" if self.planted else ""),
        }
        self.scatters = [
            self.trees("round", self.groves("trees", 30, 0.55, 0.18), tints, 6, (0.6, 1.2)),
            self.boats(self.groves("boats", 50, 0.3, 0.05), 16),
        ]
        self.finish(rng)

    def pieces(self, points: Floats) -> list[Piece]:
        number = np.arange(
            np.floor((points[:, 1].min() - 90) / self.step), np.ceil((points[:, 1].max() + 90) / self.step)
        ).astype(np.int64)
        z = number * self.step
        zero = np.zeros(len(z))
        out = super().pieces(points)
        third = 2 * self.HALF / 3 + 0.7
        for k in (-1, 0, 1):
            tile = shapes.box(third, 0.9, self.step, 0)
            shade = self.stone[:1] * (0.97 + 0.03 * k)
            spot = at(zero + k * third, -0.45, z + self.step / 2)
            out.append(shapes.place(tile, spot, shade, labels=(Label.ROAD,), variation=0.05))
        for side in (-1, 1):
            spot = at(zero + side * self.HALF, 0.45, z)
            out.append(shapes.place(self.pillar, spot, self.stone, labels=(Label.PILLAR,), variation=0.03))
            odd = number % 2 == 1
            between = zero[odd] + side * 3.6, z[odd] + 0.5 * self.step
            if self.mood.lit:
                out.append(lanterns(between[0], 0.45, between[1]))
            elif self.planted:
                pot = shapes.merge(shapes.frustum(8, 0.28, 0.4, 0.6, 0), shapes.ball(0.6, 1, 0.06, 1).moved(up=1.05))
                tint = np.stack([colors("b85f4b")[0], self.tints[0, 0]])
                out.append(shapes.place(pot, at(between[0], 0.45, between[1]), tint, labels=(Label.PLANT,)))
        return out + self._overhead(number, z)

    def _overhead(self, number: NDArray[np.int64], z: Floats) -> list[Piece]:
        even = z[number % 2 == 0]
        if self.over == "lintels":
            beam = shapes.box(2 * self.HALF + 1.4, 0.55, 0.9, 0, bottom=True)
            return [shapes.place(beam, at(0 * even, 4.95, even), self.stone[1:], labels=(Label.PILLAR,))]
        if self.over == "arches":
            ring = shapes.half_ring(self.HALF, 0.55, 0.8)
            return [shapes.place(ring, at(0 * even, 4.95, even), self.stone[1:], labels=(Label.PILLAR,))]
        if self.over == "nothing":
            return []
        wood, leaves = colors("a06a42"), self.tints[0, :1]
        out = [shapes.place(shapes.box(0.3, 0.3, self.step, 0, bottom=True), at(0 * z + side * self.HALF, 4.95, z + self.step / 2), wood, labels=(Label.PILLAR,)) for side in (-1, 1)]  # fmt: skip
        bar = shapes.box(2 * self.HALF + 1.6, 0.2, 0.22, 0, bottom=True)
        for k in range(3):
            out.append(shapes.place(bar, at(0 * z, 5.25, z + k * self.step / 3), wood, labels=(Label.PILLAR,)))
        wish = hashing.uniforms(self.stream("leaves"), number, number, 3)
        for k in range(2):
            ball = shapes.ball(0.8, 0, 0.15, 0, k, 0.6)
            spot = at((2 * wish[:, k] - 1) * self.HALF, 5.5, z + (k + wish[:, 2]) * self.step / 2)
            out.append(shapes.place(ball, spot, leaves, labels=(Label.PLANT,)))
        return out

    def ground(self, places: Floats) -> Floats:
        walk = np.abs(places[:, 0]) < 4.1
        return np.where(walk, 0.45, super().ground(places))

    def blocked(self, places: Floats, up: Floats) -> NDArray[np.bool_]:
        bad = Open.blocked(self, places, up) | (up < self.ground(places) + 0.6)
        aside = np.abs(places[:, 0])
        to_column = np.abs((places[:, 1] + self.step / 2) % self.step - self.step / 2)
        bad |= (np.abs(aside - self.HALF) < 1.1) & (to_column < 1.1) & (up < 6.2)
        to_lamp = np.abs(places[:, 1] % self.step - self.step / 2)
        bad |= (np.hypot(aside - 3.6, to_lamp) < 1.2) & (up < 2.9)
        if self.over == "nothing":
            return bad
        double = 2 * self.step
        to_beam = np.abs((places[:, 1] + double / 2) % double - double / 2)
        under, over, reach = {"lintels": (4.3, 6.2, 1.0), "arches": (4.3, 9.2, 1.0), "pergola": (4.3, 6.8, np.inf)}[self.over]
        return bad | ((aside < 4.4) & (to_beam < reach) & (up > under) & (up < over))


class Rooms(Scene):
    """A chain of furnished rooms with doorways in line and windows to a garden."""

    along = True
    moods = ("day", "golden", "morning", "dusk", "night")
    indoor = True
    speed = (0.5, 1.6)
    WIDE, LONG, HIGH, DOOR = 8.4, 9.0, 3.1, 0.85  # metres: a room, and half a doorway

    def build(self, rng: Generator) -> None:
        hue, lift = rng.uniform(-0.015, 0.015), rng.uniform(0.95, 1.05)
        self.plaster = shifted(
            colors("e8d4b4", "f1e4cd", "e6d8c8", "dcd6c4")[int(rng.integers(4))][None], hue, lift
        )[0]
        self.accents = colors("5f8f8b", "b5705a", "6f83a0", "8a9a5b", "c99a4e", "9a6a7a")
        self.boards = shifted(colors("b98457", "c28f62", "ad7a50"), hue, lift)
        self.fabrics = colors("486a86", "c9533f", "8a9a5b", "c99a4e", "7a5a7a", "5f8f8b")
        self.wood = colors("8a5a3a", "a06a42", "6f4a36")[int(rng.integers(3))]
        self.beamed = set(rng.permutation(5)[: int(rng.integers(6))].tolist())
        outside = np.array([0.16, 0.22, 0.42]) if self.mood_name == "night" else np.ones(3)
        self.garden, self.leaves = outside * colors("7f9b5a")[0], outside * GREENS
        self.light = palettes.light(self.mood, rng, ground=self.boards[0], fog_density=0.0015,
                                    azimuth=rng.uniform(0.6, 2.4) * (1 if rng.random() < 0.5 else -1))  # fmt: skip
        lights = self.light
        room = 0.55 * lights.sky_ambient + 0.30 * float(lights.sky_ambient.mean())
        warm = lights.sky_ambient.new_tensor([1.25, 1.02, 0.78])
        from dataclasses import replace

        if self.mood_name == "night":  # lamps light the rooms, the moon the garden
            room, warm = room.new_tensor([0.42, 0.36, 0.30]), warm
        self.light = replace(lights, sky_ambient=1.15 * room * warm, ground_ambient=1.1 * room * warm, indoor=True,
                             sun_color=1.25 * lights.sun_color)  # fmt: skip
        self.rooms: dict[int, list[Piece]] = {}
        self.attributes |= {
            "ground": "a furnished house, room after room",
            "things": "tall windows and wooden beams" if len(self.beamed) > 2 else "tall windows and doors in a line",
            "trees": "lamps and potted plants",
        }

    def ground(self, places: Floats) -> Floats:
        return np.zeros(len(places))

    def pieces(self, points: Floats) -> list[Piece]:
        number = np.arange(
            np.floor((points[:, 1].min() - 42) / self.LONG), np.ceil((points[:, 1].max() + 42) / self.LONG)
        ).astype(np.int64)
        out = []
        for index in number.tolist():
            if index not in self.rooms:
                self.rooms[index] = self._room(index)
            out += self.rooms[index]
        low, high = points.min(0) - 120, points.max(0) + 120
        lawn = shapes.slab(float(high[0] - low[0]), float(high[1] - low[1]), up=-0.25)
        middle = (low + high) / 2
        out.append(
            shapes.place(lawn, at(middle[:1], 0, middle[1:]), self.garden[None], labels=(Label.GROUND,))
        )
        trees, wish = hashing.lattice(self.stream("garden"), 7.0, points, 55, 3)
        keep = (np.abs(trees[:, 0]) > 8) & (wish[:, 0] < 0.5)
        if keep.any():
            tint = self.leaves[(wish[keep, 1] * len(self.leaves)).astype(int)]
            out.append(shapes.place(shapes.round_tree(3, 0), at(trees[keep, 0], -0.25, trees[keep, 1]), tint, scale=0.8 + 0.5 * wish[keep, 2], labels=(Label.TREE,)))  # fmt: skip
        return out

    def _room(self, index: int) -> list[Piece]:
        rng = np.random.default_rng(self.stream(f"room {index}"))
        z0, half = index * self.LONG, self.WIDE / 2
        accent = self.accents[int(rng.integers(len(self.accents)))]
        origin = np.array([[0.0, 0.0, z0]])
        out = [self._floor(index, z0)]
        thick, door_high = 0.22, 2.25
        front = [  # the wall towards the room before, with the doorway
            shapes.box(half - self.DOOR, self.HIGH, thick).moved(-(half + self.DOOR) / 2),
            shapes.box(half - self.DOOR, self.HIGH, thick).moved((half + self.DOOR) / 2),
            shapes.box(2 * self.DOOR, self.HIGH - door_high, thick, bottom=True).moved(up=door_high),
        ]
        frame = [shapes.box(0.14, door_high, thick + 0.1, 1).moved(side * self.DOOR) for side in (-1, 1)]
        frame.append(shapes.box(2 * self.DOOR + 0.28, 0.14, thick + 0.1, 1, bottom=True).moved(up=door_high))
        paint = accent if rng.random() < 0.6 else self.plaster
        out.append(
            shapes.place(
                shapes.merge(*front, *frame),
                origin,
                np.stack([paint, self.wood]),
                labels=(Label.WALL, Label.FURNITURE),
                variation=0.02,
            )
        )
        ceiling = shapes.box(self.WIDE, 0.2, self.LONG, bottom=True).moved(up=self.HIGH, z=self.LONG / 2)
        out.append(
            shapes.place(
                ceiling, origin, 0.5 * (self.plaster + 0.8)[None], labels=(Label.WALL,), variation=0.0
            )
        )
        if index % 5 in self.beamed:
            beams = [
                shapes.box(self.WIDE, 0.22, 0.2, bottom=True).moved(up=self.HIGH - 0.22, z=1.1 + 1.7 * k)
                for k in range(5)
            ]
            out.append(shapes.place(shapes.merge(*beams), origin, self.wood[None], labels=(Label.FURNITURE,)))
        windowed = rng.random() < 0.85
        for side in (-1, 1):
            wall = self._side_wall(windowed if side > 0 else rng.random() < 0.8).moved(side * half)
            out.append(
                shapes.place(
                    wall,
                    origin,
                    np.stack([self.plaster, 0.85 * self.plaster + 0.1]),
                    labels=(Label.WALL,),
                    variation=0.02,
                )
            )
        out += self._furniture(rng, origin, half)
        return out

    def _floor(self, index: int, z0: float) -> Piece:
        columns, rows = 10, 3
        i, j = np.meshgrid(np.arange(columns), np.arange(rows), indexing="ij")
        i, j = i.ravel(), j.ravel()
        wish = hashing.uniforms(self.stream("boards"), i, j + rows * index, 1)[:, 0]
        board = shapes.slab(self.WIDE / columns, self.LONG / rows)
        x, z = (i + 0.5) * self.WIDE / columns - self.WIDE / 2, z0 + (j + 0.5) * self.LONG / rows
        return shapes.place(
            board,
            at(x, 0, z),
            self.boards[(wish * len(self.boards)).astype(int)][:, None],
            labels=(Label.GROUND,),
            variation=0.04,
        )

    def _side_wall(self, windows: bool) -> Template:
        """Along z from 0 to LONG at x = 0; two tall windows, or none. Slot 1 is the sill and bars."""
        if not windows:
            return shapes.box(0.22, self.HIGH, self.LONG).moved(z=self.LONG / 2)
        low, high, wide = 0.85, 2.5, 1.7
        middles = (self.LONG * 0.28, self.LONG * 0.72)
        edges = [
            0.0,
            middles[0] - wide / 2,
            middles[0] + wide / 2,
            middles[1] - wide / 2,
            middles[1] + wide / 2,
            self.LONG,
        ]
        parts = [
            shapes.box(0.22, self.HIGH, b - a).moved(z=(a + b) / 2)
            for a, b in ((edges[0], edges[1]), (edges[2], edges[3]), (edges[4], edges[5]))
        ]
        for middle in middles:
            parts.append(shapes.box(0.22, low, wide).moved(z=middle))
            parts.append(shapes.box(0.22, self.HIGH - high, wide, bottom=True).moved(up=high, z=middle))
            parts.append(shapes.box(0.36, 0.08, wide + 0.2, 1, bottom=True).moved(up=low, z=middle))
            parts.append(shapes.box(0.07, high - low, 0.07, 1).moved(up=low, z=middle))
            parts.append(
                shapes.box(0.07, 0.07, wide, 1, bottom=True).moved(up=(low + high) / 2 + 0.1, z=middle)
            )
        return shapes.merge(*parts)

    def _furniture(self, rng: Generator, origin: Floats, half: float) -> list[Piece]:
        fabric, other = self.fabrics[rng.permutation(len(self.fabrics))[:2]]
        tints = np.stack([self.wood, fabric, other, colors("7f9f58")[0], colors("f2e6c8")[0]])
        lit = np.zeros((5, 3))
        lit[4] = WARM_WINDOW * (0.9 if self.mood.lit else 0.45)
        side = -1 if rng.random() < 0.5 else 1
        wall = side * (half - 0.75)
        parts: list[Template] = [
            shapes.slab(3.4, 4.4, 0.4 * side, 0.02, self.LONG / 2, 1),
            shapes.slab(2.9, 3.9, 0.4 * side, 0.03, self.LONG / 2, 2),
        ]
        kind = ("living", "dining", "library", "bedroom")[int(rng.integers(4))]
        if kind == "living":
            parts += [
                shapes.box(0.9, 0.45, 2.3, 1).moved(wall, 0, 5.2),
                shapes.box(0.25, 0.95, 2.3, 1).moved(wall + side * 0.4, 0, 5.2),
            ]
            parts += [shapes.box(0.9, 0.62, 0.22, 1).moved(wall, 0, 5.2 + e) for e in (-1.2, 1.2)]
            parts += table(1.1, 0.42, 1.3, -0.2 * side + wall * 0.45, 5.2)
        elif kind == "dining":
            parts += table(1.2, 0.76, 2.4, wall * 0.55, 4.6)
            for z in (3.8, 4.6, 5.4):
                for x in (-0.95, 0.95):
                    parts += chair(wall * 0.55 + x, z, -1 if x > 0 else 1)
        elif kind == "library":
            for z in (2.4, 4.2, 6.0):
                parts.append(shapes.box(0.4, 2.2, 1.5, 0).moved(side * (half - 0.35), 0, z))
                for shelf in range(4):
                    parts.append(
                        shapes.box(0.3, 0.34, 1.25, 1 + (shelf + int(z)) % 2).moved(
                            side * (half - 0.45), 0.22 + 0.5 * shelf, z
                        )
                    )
            parts += chair(wall * 0.6, 4.6, side) + table(0.7, 0.6, 0.7, wall * 0.6, 5.6)
        else:
            parts += [
                shapes.box(2.0, 0.35, 1.7, 0).moved(wall - side * 0.3, 0, 5.0),
                shapes.box(1.9, 0.22, 1.6, 1).moved(wall - side * 0.3, 0.35, 5.0),
            ]
            parts += [
                shapes.box(0.5, 0.16, 1.3, 4).moved(wall + side * 0.35, 0.57, 5.0),
                shapes.box(0.12, 1.1, 1.8, 0).moved(wall + side * 0.68, 0, 5.0),
            ]
        opposite = -side * (half - 0.7)
        if rng.random() < 0.7:
            parts += [
                shapes.frustum(7, 0.2, 0.28, 0.45, 2).moved(opposite, 0, 7.9),
                shapes.ball(0.55, 0, 0.2, 3).moved(opposite, 1.0, 7.9),
            ]
        if rng.random() < 0.7:
            parts += [
                shapes.frustum(5, 0.04, 0.04, 1.5, 0).moved(wall, 0, 7.9),
                shapes.frustum(8, 0.3, 0.2, 0.4, 4).moved(wall, 1.45, 7.9),
            ]
        if rng.random() < 0.6:
            parts += [shapes.box(0.45, 0.85, 1.6, 0).moved(-side * (half - 0.4), 0, 4.5)]
        x = -side * 2.6
        parts += [
            shapes.box(1.3, 0.95, 0.06, 0, bottom=True).moved(x, 1.35, 0.16),
            shapes.box(1.1, 0.75, 0.06, 2, bottom=True).moved(x, 1.45, 0.19),
        ]
        return [
            shapes.place(
                shapes.merge(*parts), origin, tints, emission=lit, labels=(Label.FURNITURE,), variation=0.04
            )
        ]

    def blocked(self, places: Floats, up: Floats) -> NDArray[np.bool_]:
        x, z = np.abs(places[:, 0]), places[:, 1] % self.LONG
        bad = (up < 0.5) | (up > self.HIGH - 0.5) | (x > self.WIDE / 2 - 0.45)
        wall = np.minimum(z, self.LONG - z)
        bad |= (wall < 0.45) & ((x > self.DOOR - 0.35) | (up > 1.95))
        bad |= (x > 2.3) & (np.abs(z - 7.9) < 1.1) & (up < 2.2)  # plants and lamps
        return bad | ((x > 0.45) & (up < 1.3)) | (x > self.WIDE / 2 - 0.95)

    def start(self) -> tuple[float, float, float]:
        return 0.0, 1.2, 0.0

    def outlook(self, rng: Generator, attempt: int) -> tuple[float, float, float]:
        """From beside a door through the length of a room, aslant."""
        forward = rng.random() < 0.5
        z = self.LONG * int(rng.integers(-2, 3)) + (0.6 if forward else self.LONG - 0.6)
        x = rng.uniform(-2.6, 2.6)
        ahead = np.arctan2(rng.normal() * 0.7 - 0.75 * x, self.LONG - 1.5)
        return x, z, ahead if forward else np.pi - ahead


def table(width: float, height: float, depth: float, x: float, z: float) -> list[Template]:
    legs = [
        shapes.box(0.09, height, 0.09, 0).moved(x + a * (width / 2 - 0.1), 0, z + b * (depth / 2 - 0.1))
        for a in (-1, 1)
        for b in (-1, 1)
    ]
    return [*legs, shapes.box(width, 0.08, depth, 0, bottom=True).moved(x, height - 0.04, z)]


def chair(x: float, z: float, facing: int) -> list[Template]:
    """facing: 1 looks along +x."""
    legs = shapes.box(0.42, 0.42, 0.42, 0, top=0.9)
    return [
        legs.moved(x, 0, z),
        shapes.box(0.48, 0.08, 0.48, 1, bottom=True).moved(x, 0.42, z),
        shapes.box(0.07, 0.55, 0.46, 0).moved(x - facing * 0.21, 0.48, z),
    ]
