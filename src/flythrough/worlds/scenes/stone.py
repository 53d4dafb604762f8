"""Stone walks: an arcade around a court, and a colonnade on water."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from flythrough.worlds import hashing, shapes, things
from flythrough.worlds.hashing import Floats, rolling
from flythrough.worlds.mesh import Label
from flythrough.worlds.palettes import colors, shifted, variants
from flythrough.worlds.scenes.base import Open
from flythrough.worlds.scenes.country import AUTUMN, BLOSSOM, GREENS, Country
from flythrough.worlds.scenes.fittings import at, lanterns
from flythrough.worlds.shapes import Piece


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
        self.scatters = [
            self.trees("round", lambda p: np.where(np.abs(p[:, 0]) > 15, 0.4, 0.0), GREENS, 7, (0.7, 1.3)),
            self.pines(
                lambda p: np.where(np.abs(p[:, 0]) > 22, 0.2, 0.0),
                variants(("5f7f52", "6f8f5c", "6b4a3a")),
                7,
            ),
        ]
        self.finish(rng)

    def pieces(self, points: Floats) -> list[Piece]:
        return super().pieces(points) + self.court(points)

    def bays(self, points: Floats) -> NDArray[np.int64]:
        return np.arange(
            np.floor((points[:, 1].min() - 95) / self.BAY), np.ceil((points[:, 1].max() + 95) / self.BAY)
        ).astype(np.int64)

    def court(self, points: Floats) -> list[Piece]:
        number = self.bays(points)
        z = (number.astype(np.float64) + 0.5) * self.BAY
        zero = np.zeros(len(z))
        gate = number % 7 == 0  # every seventh bay is open to the gardens
        out = []
        for side in (-1, 1):
            x = zero + side * self.HALF
            out.append(
                shapes.place(
                    things.arch(),
                    at(x, 0, z),
                    self.stone,
                    yaw=np.pi / 2,
                    labels=(Label.PILLAR,),
                    variation=0.04,
                )
            )
            back = z[~gate]
            wall = shapes.box(0.4, 4.6, self.BAY + 0.02)
            out.append(
                shapes.place(
                    wall,
                    at(np.full(len(back), side * (self.HALF + self.DEEP)), 0, back),
                    self.stone[:1],
                    labels=(Label.WALL,),
                    variation=0.03,
                )
            )
            roof = shapes.convex(
                [
                    [
                        (-0.9, 4.5, -self.BAY / 2),
                        (self.DEEP + 0.9, 5.9, -self.BAY / 2),
                        (self.DEEP + 0.9, 5.9, self.BAY / 2),
                        (-0.9, 4.5, self.BAY / 2),
                    ],
                    [
                        (-0.9, 4.5, -self.BAY / 2),
                        (self.DEEP + 0.9, 4.5, -self.BAY / 2),
                        (self.DEEP + 0.9, 4.5, self.BAY / 2),
                        (-0.9, 4.5, self.BAY / 2),
                    ],
                ]
            )
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
        return shapes.place(
            tile,
            at((i.astype(np.float64) + 0.5) * size - reach, 0.0, (j + 0.5) * self.BAY / 2),
            self.paving[(wish * len(self.paving)).astype(int)][:, None],
            labels=(Label.ROAD,),
            variation=0.03,
        )

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
        self.pillar = things.column() if rng.random() < 0.65 else things.pier()
        tints, tree = ((BLOSSOM, "blossom"), (GREENS, "green"), (AUTUMN, "autumn"))[int(rng.integers(3))]
        self.tints = tints
        self.planted = rng.random() < 0.5
        above = {
            "lintels": "stone beams",
            "arches": "round arches",
            "pergola": "a leafy pergola",
            "nothing": "bare columns",
        }
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
        z = number.astype(np.float64) * self.step
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
                pot = shapes.merge(
                    shapes.frustum(8, 0.28, 0.4, 0.6, 0), shapes.ball(0.6, 1, 0.06, 1).moved(up=1.05)
                )
                tint = np.stack([colors("b85f4b")[0], self.tints[0, 0]])
                out.append(shapes.place(pot, at(between[0], 0.45, between[1]), tint, labels=(Label.PLANT,)))
        return out + self._overhead(number, z)

    def _overhead(self, number: NDArray[np.int64], z: Floats) -> list[Piece]:
        even = z[number % 2 == 0]
        if self.over == "lintels":
            beam = shapes.box(2 * self.HALF + 1.4, 0.55, 0.9, 0, bottom=True)
            return [shapes.place(beam, at(0 * even, 4.95, even), self.stone[1:], labels=(Label.PILLAR,))]
        if self.over == "arches":
            ring = things.half_ring(self.HALF, 0.55, 0.8)
            return [shapes.place(ring, at(0 * even, 4.95, even), self.stone[1:], labels=(Label.PILLAR,))]
        if self.over == "nothing":
            return []
        wood, leaves = colors("a06a42"), self.tints[0, :1]
        out = [
            shapes.place(
                shapes.box(0.3, 0.3, self.step, 0, bottom=True),
                at(0 * z + side * self.HALF, 4.95, z + self.step / 2),
                wood,
                labels=(Label.PILLAR,),
            )
            for side in (-1, 1)
        ]
        bar = shapes.box(2 * self.HALF + 1.6, 0.2, 0.22, 0, bottom=True)
        for k in range(3):
            out.append(
                shapes.place(bar, at(0 * z, 5.25, z + k * self.step / 3), wood, labels=(Label.PILLAR,))
            )
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
        under, over, reach = {
            "lintels": (4.3, 6.2, 1.0),
            "arches": (4.3, 9.2, 1.0),
            "pergola": (4.3, 6.8, np.inf),
        }[self.over]
        return bad | ((aside < 4.4) & (to_beam < reach) & (up > under) & (up < over))
