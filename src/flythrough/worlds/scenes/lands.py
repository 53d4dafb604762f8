"""Open country: hills, lakes, woods, snow, deserts, canyons, terraces, villages and meadows."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from flythrough.worlds import things
from flythrough.worlds.hashing import Floats, rolling
from flythrough.worlds.mesh import Label
from flythrough.worlds.palettes import colors, variants
from flythrough.worlds.scenes.base import Scatter
from flythrough.worlds.scenes.country import (
    AUTUMN,
    BLOSSOM,
    COTTAGES,
    GREEN_PEAKS,
    GREENS,
    PEAKS,
    PINES,
    STONES,
    TRUNK,
    Country,
)


class Hills(Country):
    moods = ("dusk", "golden", "morning", "day", "violet", "dawn", "blue", "night")

    def build(self, rng: Generator) -> None:
        summer = rng.random() < 0.5
        grounds = colors("7f9b5a", "94ad63", "c9b36b") if summer else colors("b59a5c", "c9b36b", "8f9a58")
        self.ground_colors = grounds[rng.permutation(3)]
        self.steep_colors = colors("8c7a5e", "7d6c56")
        self.height = rolling(self.stream("hills"), rng.uniform(4, 8), rng.uniform(55, 90))
        dense = rng.random() < 0.45
        self.attributes |= {
            "ground": "green hills" if summer else "golden hills",
            "trees": "dense pines" if dense else "scattered pines",
            "things": "a few cottages",
        }
        self.scatters = [
            self.pines(self.groves("pines", 45, 0.8 if dense else 0.4, 0.03, 0.5), PINES),
            self.houses(self.groves("houses", 60, 0.4, 0.06, 0.55), COTTAGES, 24),
            self.bushes(self.groves("bushes", 30, 0.3, 0.03), GREENS[:, :1]),
            self.rocks(self.groves("rocks", 25, 0.25, 0.02), STONES),
            self.mountains(PEAKS if rng.random() < 0.4 else GREEN_PEAKS),
        ]
        self.finish(rng)


class Lake(Country):
    moods = ("day", "morning", "golden", "dusk", "dawn", "blue", "night")
    water_level = 0.0

    def build(self, rng: Generator) -> None:
        base = rolling(self.stream("shore"), rng.uniform(3.5, 5.5), rng.uniform(60, 95))
        lift = rng.uniform(-0.2, 0.9)

        def height(places: Floats) -> Floats:
            # A shore runs past the first view, so that there is always water on one hand and land on the other.
            home = np.exp(-(places**2).sum(1) / 2000)
            shore = 2.2 * np.tanh((places[:, 0] + 2) / 16)
            return (base(places) + lift) * (1 - 0.75 * home) + home * shore

        self.height = height
        self.ground_colors = colors("7fae7a", "6f9f6c", "93b97d")
        self.shore_colors = colors("e9d9a8", "e0cd9c")
        self.steep_colors = colors("a59c95", "948c86")
        self.water_color = colors("3f93a8", "4a9fb0", "3b86a0")[int(rng.integers(3))]
        autumn = rng.random() < 0.4
        self.attributes |= {
            "ground": "a calm lake with sandy shores",
            "trees": "autumn trees" if autumn else "green trees",
        }
        tints = np.concatenate([GREENS, AUTUMN[1:2]]) if not autumn else np.concatenate([AUTUMN, GREENS[:1]])
        self.scatters = [
            self.trees("round", self.groves("trees", 40, 0.55, 0.08), tints, 5.5, (0.6, 1.1)),
            self.pines(self.groves("pines", 50, 0.5, 0.0, 0.58), PINES, 5.0),
            self.rocks(self.groves("rocks", 20, 0.3, 0.05), STONES),
            self.houses(self.groves("houses", 60, 0.45, 0.05, 0.55), COTTAGES, 22),
            self.boats(self.groves("boats", 50, 0.4, 0.08), 15),
            self.mountains(PEAKS if rng.random() < 0.5 else GREEN_PEAKS),
        ]
        self.attributes["things"] = "small sailing boats and houses on the shore"
        self.finish(rng)

    def start(self) -> tuple[float, float, float]:
        return 5.0, 0.0, -0.5

    def outlook(self, rng: Generator, attempt: int) -> tuple[float, float, float]:
        """Most often from the shore over the water, which lies towards -x."""
        x, z, yaw = super().outlook(rng, attempt)
        if rng.random() < 0.3:
            return x, z, yaw
        return rng.uniform(-9.0, 6.0), z, -np.pi / 2 + 0.6 * rng.normal()


class Snow(Country):
    moods = ("pale", "day", "morning", "dawn", "dusk", "blue", "night")
    fog = (0.005, 0.009)

    def build(self, rng: Generator) -> None:
        self.height = rolling(self.stream("snow"), rng.uniform(4, 9), rng.uniform(55, 100))
        self.ground_colors = colors("e4e9f2", "dae3ef", "d0dcec")
        self.steep_colors = colors("8a94a8", "a3adbd")
        dense = rng.random() < 0.5
        self.attributes |= {
            "ground": "snowy hills",
            "trees": "dense snowy pines" if dense else "scattered pines",
            "things": "a red cabin" if rng.random() < 0.5 else "wooden cabins",
        }
        tints = variants(
            ("3f6b6a", "4a7674", TRUNK), ("39635f", "8fa8ac", TRUNK), ("4a7270", "dfe8f0", TRUNK)
        )
        cabins = variants(("a8604c", "f2f5fa"), ("8a5a48", "eef2f8"))
        self.scatters = [
            self.pines(self.groves("pines", 50, 0.75 if dense else 0.35, 0.05), tints),
            self.houses(self.groves("cabins", 60, 0.35, 0.04, 0.55), cabins, 26),
            self.rocks(self.groves("rocks", 25, 0.2, 0.03), variants(("8a94a8",), ("9aa4b4",))),
            self.mountains(variants(("b4c0d4", "e4e9f2"), ("9aa6bc", "e4e9f2"))),
        ]
        self.finish(rng)


class AutumnWood(Country):
    moods = ("golden", "pale", "dusk", "morning")
    fog = (0.010, 0.016)

    def build(self, rng: Generator) -> None:
        self.height = rolling(self.stream("wood"), rng.uniform(1.2, 3), rng.uniform(40, 70))
        spring = rng.random() < 0.25
        self.ground_colors = (
            colors("8f9a52", "7f9450", "a3a860") if spring else colors("c98a4a", "b5713f", "e0b878", "8f9a52")
        )
        self.attributes |= {
            "ground": "a green wood in spring" if spring else "an autumn wood",
            "trees": "tall trees with green crowns" if spring else "tall trees with orange leaves",
            "things": "green bushes" if spring else "fallen leaves and bushes",
        }
        tints = GREENS if spring else AUTUMN
        self.scatters = [
            self.trees("tall", self.groves("wood", 34, 0.62, 0.12, 0.4), tints, 5.2, (0.75, 1.2)),
            self.bushes(self.groves("bushes", 20, 0.35, 0.06), tints[:, :1], 4.5),
            self.rocks(self.groves("rocks", 22, 0.25, 0.04), STONES),
            self.houses(self.groves("huts", 60, 0.3, 0.0, 0.66), COTTAGES, 24),
        ]
        self.finish(rng)


class Desert(Country):
    moods = ("violet", "dusk", "golden", "day", "morning", "night")
    fog = (0.004, 0.007)
    eye = 2.2

    def build(self, rng: Generator) -> None:
        self.height = rolling(self.stream("dunes"), rng.uniform(1.5, 4), rng.uniform(50, 90))
        self.ground_colors = colors("f0bd8e", "e6a87c", "d98f6a")[rng.permutation(3)]
        self.steep_colors = colors("c98a62", "b97a58")
        self.attributes |= {"ground": "a desert with red mesas", "things": "cacti and rocks"}
        strata = variants(("b5593f", "c46c4b"), ("c46c4b", "a94a3d"), ("bd6246", "cf7d55"))
        mesas = Scatter(
            [things.mesa(k) for k in range(3)],
            [things.mesa(k) for k in range(3)],
            46,
            self.groves("mesas", 120, 0.5, 0.25),
            strata,
            (Label.ROCK,),
            (0.45, 1.3),
            60,
            150,
            sink=1.0,
            name="mesas",
        )
        cacti = Scatter(
            [things.cactus()],
            [],
            9,
            self.groves("cacti", 40, 0.35, 0.08),
            variants(("5f8a62",), ("6d9468",)),
            (Label.PLANT,),
            (0.6, 1.3),
            60,
            60,
            name="cacti",
        )
        self.scatters = [mesas, cacti, self.rocks(self.groves("rocks", 25, 0.3, 0.08), strata[:, :1])]
        self.finish(rng)


class Canyon(Country):
    along = True
    moods = ("day", "golden", "morning", "dusk", "violet")
    water_level = 0.0
    fog = (0.005, 0.009)
    cell = 2.6
    eye = 2.2

    def build(self, rng: Generator) -> None:
        bend, phase, width = rng.uniform(6, 14), rng.uniform(0, 6.28), rng.uniform(9, 14)
        rough = rolling(self.stream("walls"), 3.2, 14)
        self.axis = lambda z: bend * (np.sin(z / 38 + phase) - np.sin(phase)) + 3 * np.sin(z / 15)

        def height(places: Floats) -> Floats:
            away = np.abs(places[:, 0] - self.axis(places[:, 1]))
            bank = 0.9 * np.tanh((away - 3.2) / 2.0)
            wall = ((away - width) / 7).clip(0, None)
            shelf = 13 * (1 - np.exp(-wall)) + 5 * np.tanh((away - width - 22) / 6).clip(0, 1)
            return bank + shelf + rough(places) * np.tanh(wall * 1.5)

        self.height = height
        self.ground_colors = colors("e9cf9a", "dfbf8a", "d8b680")
        self.steep_colors = colors("c9623f", "dd8a57", "efb77c", "a94a3d")
        self.water_color = colors("4fa6a3")[0]
        self.attributes |= {
            "ground": "a red canyon with a stream",
            "things": "layered red rock",
            "trees": "a few small trees",
        }
        self.scatters = [
            self.trees(
                "round",
                self.groves("trees", 25, 0.3, 0.10),
                variants(("8ba25c", "98ae66", TRUNK), ("7d9854", "8ba25c", TRUNK)),
                7,
                (0.5, 0.9),
            ),
            self.rocks(self.groves("rocks", 20, 0.35, 0.10), variants(("c9623f",), ("b5573f",)), 5.5),
        ]
        self.finish(rng)

    def middle(self, z: float) -> float:
        return float(self.axis(np.array([z]))[0])

    def start(self) -> tuple[float, float, float]:
        return self.middle(0.0) + 4.6, 0.0, 0.05


class Terraces(Country):
    moods = ("day", "golden", "morning", "dusk", "blue")
    cell = 2.4
    eye = 2.4

    def build(self, rng: Generator) -> None:
        base = rolling(self.stream("terraces"), rng.uniform(8, 12), rng.uniform(70, 100))
        step = rng.uniform(1.6, 2.4)

        def height(places: Floats) -> Floats:
            level = base(places) / step
            floor = np.floor(level)
            return step * (floor + ((level - floor - 0.72) / 0.28).clip(0, 1))

        self.height = height
        self.ground_colors = colors("a6bf5f", "86a956", "c9c774")
        self.steep_colors = colors("b08a62", "a37c56")
        self.attributes |= {
            "ground": "green terraced fields",
            "things": "a hillside village",
            "trees": "round trees and bushes",
        }
        self.scatters = [
            self.houses(self.groves("houses", 60, 0.5, 0.12), COTTAGES, 15),
            self.trees("round", self.groves("trees", 40, 0.3, 0.06), GREENS, 7, (0.5, 0.9)),
            self.bushes(self.groves("bushes", 25, 0.25, 0.05), GREENS[:, :1]),
        ]
        self.finish(rng)


class Village(Country):
    """Houses along a valley, most often at night."""

    moods = ("night", "night", "blue", "dusk", "golden")
    fog = (0.007, 0.011)

    def build(self, rng: Generator) -> None:
        self.height = rolling(self.stream("valley"), rng.uniform(2, 4.5), rng.uniform(60, 90))
        snowy = rng.random() < 0.5
        self.ground_colors = (
            colors("c3cfe4", "d4ddee", "b4c2da") if snowy else colors("7f9b6a", "8fa671", "a8a778")
        )
        self.attributes |= {
            "ground": "a snowy village" if snowy else "a country village",
            "things": "houses with lit windows and lamps" if self.mood.lit else "houses and lamps",
            "trees": "pines between them",
        }
        roofs = (
            variants(("b9806a", "e4eaf4"), ("a8604c", "dfe6f2"), ("d9bf9c", "e8edf5"), ("8d93b0", "e4eaf4"))
            if snowy
            else COTTAGES
        )
        self.scatters = [
            self.houses(self.groves("houses", 70, 0.72, 0.35), roofs, 14),
            self.lamps(self.groves("lamps", 40, 0.5, 0.3), 11),
            self.pines(self.groves("pines", 40, 0.22, 0.04), PINES, 5),
            self.mountains(PEAKS[:2] if snowy else GREEN_PEAKS),
        ]
        self.finish(rng)


class Meadow(Country):
    """Blossom trees on a meadow with ponds."""

    moods = ("morning", "day", "golden", "violet", "dusk", "dawn")
    water_level = -1.1

    def build(self, rng: Generator) -> None:
        self.height = rolling(self.stream("meadow"), rng.uniform(2, 3.5), rng.uniform(45, 70))
        self.ground_colors = colors("9dbb6c", "8caf66", "b8c67c")
        self.shore_colors = colors("cfc590", "bfb57f")
        self.water_color = colors("4c9db0")[0]
        self.attributes |= {
            "ground": "a meadow with ponds",
            "trees": "pink blossom trees",
            "things": "bushes and grey rocks",
        }
        self.scatters = [
            self.trees("round", self.groves("blossom", 35, 0.5, 0.10), BLOSSOM, 6.5, (0.7, 1.25)),
            self.bushes(self.groves("bushes", 20, 0.3, 0.05), GREENS[:, :1]),
            self.rocks(self.groves("rocks", 25, 0.2, 0.04), STONES),
            self.houses(self.groves("houses", 70, 0.3, 0.02, 0.6), COTTAGES, 24),
        ]
        self.finish(rng)
