"""Streets between towers."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from flythrough.worlds import hashing, palettes, shapes, things
from flythrough.worlds.hashing import Floats
from flythrough.worlds.mesh import Label
from flythrough.worlds.palettes import colors, shifted
from flythrough.worlds.scenes.base import Scene, aslant
from flythrough.worlds.scenes.country import AUTUMN, BLOSSOM, GREENS, WARM_WINDOW
from flythrough.worlds.scenes.fittings import GLOBE_DARK, GLOBE_LIT, MATTE_AND_GLOBE, at
from flythrough.worlds.shapes import Piece


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
            things.tower(9.6, int(f), 9.8, int(c), seed=k)
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
                out.append(
                    shapes.place(
                        template,
                        at(here[:, 0], 0, here[:, 1]),
                        slots[:, : int(template.slot.max()) + 1],
                        emission=emission[:, : int(template.slot.max()) + 1],
                        labels=labels,
                        variation=0.03,
                    )
                )
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
                out.append(
                    shapes.place(
                        things.round_tree(1, 1),
                        at(green[:, 0] + dx, 0.1, green[:, 1] + dz),
                        tint,
                        scale=scale,
                        labels=(Label.TREE,),
                    )
                )
        return out

    def _streets(self, points: Floats) -> list[Piece]:
        low, high = points.min(0) - 150, points.max(0) + 150
        out = []
        pitch_z = self.BLOCK * self.LOT
        i, j = np.meshgrid(
            np.arange(np.floor(low[0] / self.PITCH), np.ceil(high[0] / self.PITCH) + 1),
            np.arange(np.floor(low[1] / pitch_z), np.ceil(high[1] / pitch_z) + 1),
            indexing="ij",
        )
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
                out.append(
                    shapes.place(
                        things.lamp(4.2),
                        at(x + side * 5.2, 0.1, spot),
                        pole,
                        emission=globe,
                        labels=(Label.LAMP,),
                        materials=MATTE_AND_GLOBE,
                    )
                )
                wish = hashing.uniforms(
                    self.stream("trees"), x.astype(np.int64) * 2 + side, spot.astype(np.int64), 2
                )
                some = wish[:, 0] < 0.55
                if some.any():
                    tint = self.tints[(wish[some, 1] * len(self.tints)).astype(int)]
                    out.append(
                        shapes.place(
                            things.round_tree(2, 0),
                            at(x[some] + side * 5.6, 0.1, spot[some] + 5.2),
                            tint,
                            scale=0.85,
                            labels=(Label.TREE,),
                        )
                    )
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
