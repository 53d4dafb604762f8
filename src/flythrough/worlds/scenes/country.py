"""Open country: hills, lakes, woods, snow, deserts, canyons, terraces and villages."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from flythrough.worlds import palettes, shapes
from flythrough.worlds.hashing import Floats
from flythrough.worlds.mesh import Label, Material
from flythrough.worlds.palettes import colors, shifted
from flythrough.worlds.scenes.base import Field, Open, Scatter, aslant, rolling, smooth, variants

WARM_WINDOW = np.array([1.5, 0.95, 0.38])
DARK_WINDOW = colors("6b8090")[0]
TRUNK = "6b4a3a"


class Country(Open):
    """Terrain and scatters from a few numbers; the subclasses choose them."""

    fog = (0.005, 0.010)

    def finish(self, rng: Generator) -> None:
        """Shift all ground colours together a little, and light the scene."""
        hue, lift = rng.uniform(-0.012, 0.012), rng.uniform(0.92, 1.08)
        self.ground_colors = shifted(self.ground_colors, hue, lift)
        self.light = palettes.light(
            self.mood,
            rng,
            ground=self.ground_colors.mean(0),
            fog_density=rng.uniform(*self.fog),
            water=self.water_color,
            azimuth=aslant(rng) if self.along else None,
            water_level=None if self.water_level is None else -self.water_level,
        )

    def groves(
        self, purpose: str, wavelength: float, thick: float, thin: float = 0.0, cut: float = 0.5
    ) -> Field:
        """A density that changes from place to place: thick in groves, thin between them."""
        stream = self.stream(purpose)

        def density(places: Floats) -> Floats:
            wave = smooth(stream, places, wavelength)
            return thin + (thick - thin) * ((wave - cut) * 6 + 0.5).clip(0, 1)

        return density

    def pines(
        self, density: Field, tints: Floats, spacing: float = 4.2, scale: tuple[float, float] = (0.7, 1.5)
    ) -> Scatter:
        far = [
            shapes.merge(
                shapes.frustum(5, 1.6, 0, 4.8, 0).moved(up=0.9),
                shapes.frustum(4, 0.2, 0.2, 1.2, 2, cap=False),
            )
        ]
        return Scatter(
            [shapes.pine(k) for k in range(3)],
            far,
            spacing,
            density,
            tints,
            (Label.TREE,),
            scale,
            name="pines",
        )

    def houses(
        self, density: Field, walls: Floats, spacing: float = 17.0, scale: tuple[float, float] = (0.9, 1.25)
    ) -> Scatter:
        """walls (variants, 2, 3): wall and roof."""
        door = colors("7a5238")[0]
        window = DARK_WINDOW if not self.mood.lit else colors("ffd98e")[0]
        sets = np.stack([np.stack([wall, roof, door, window]) for wall, roof in walls])
        lit = np.zeros((4, 3))
        if self.mood.lit:
            lit[3] = WARM_WINDOW
        return Scatter(
            [shapes.house(), shapes.house(6.5, 2.8, 4.5, 2.2), shapes.house(4.2, 4.6, 4.2, 1.9)],
            [
                shapes.merge(
                    shapes.box(5, 3.6, 4, 0).moved(up=-1), shapes.gable(5.5, 1.8, 4.7, 1, 0).moved(up=2.55)
                )
            ],
            spacing,
            density,
            sets,
            (Label.BUILDING, Label.ROOF, Label.BUILDING, Label.BUILDING),
            scale,
            emission=lit,
            name="houses",
        )

    def lamps(self, density: Field, spacing: float) -> Scatter:
        globe = (
            np.array([[0, 0, 0], [1.9, 1.35, 0.7]])
            if self.mood.lit
            else np.array([[0, 0, 0], [0.25, 0.25, 0.25]])
        )
        tints = variants(("2f3038", "f4ead0"))
        materials = (Material.MATTE, Material.NO_SHADOW)
        return Scatter([shapes.lamp()], [], spacing, density, tints, (Label.LAMP,), (0.95, 1.05), 60, 60,
                       globe, materials, name="lamps")  # fmt: skip

    def rocks(
        self, density: Field, tints: Floats, spacing: float = 6.0, scale: tuple[float, float] = (0.4, 1.6)
    ) -> Scatter:
        return Scatter([shapes.rock(k) for k in range(3)], [], spacing, density, tints, (Label.ROCK,), scale,
                       50, 50, sink=0.1, name="rocks")  # fmt: skip

    def bushes(self, density: Field, tints: Floats, spacing: float = 5.0) -> Scatter:
        return Scatter([shapes.bush(k) for k in range(3)], [], spacing, density, tints, (Label.PLANT,),
                       (0.5, 1.2), 40, 40, name="bushes")  # fmt: skip

    def boats(self, density: Field, spacing: float) -> Scatter:
        return Scatter([shapes.boat()], [shapes.boat()], spacing, density, BOATS, (Label.PLANT,), (0.8, 1.4), 60, 120,
                       afloat=True, name="boats")  # fmt: skip

    def mountains(self, tints: Floats) -> Scatter:
        """Beyond the ground that is drawn, so that there is something far to fly to."""
        away = self.groves("mountains", 260, 0.75, 0.15, 0.45)
        peaks = [shapes.mountain(k) for k in range(4)]
        return Scatter(peaks, peaks, 62, lambda p: away(p) * (np.hypot(*p.T) > 130), tints, (Label.ROCK,), (0.6, 1.25),
                       130, 230, materials=(Material.NO_SHADOW,), sink=3.0, name="mountains")  # fmt: skip

    def trees(
        self, kind: str, density: Field, tints: Floats, spacing: float, scale: tuple[float, float]
    ) -> Scatter:
        make = {"round": shapes.round_tree, "tall": shapes.tall_tree}[kind]
        return Scatter([make(k, 1) for k in range(2)], [make(k, 0) for k in range(2)], spacing, density, tints,
                       (Label.TREE,), scale, 30, 90, name=f"{kind} trees")  # fmt: skip


PINES = variants(("4f7454", "5b8060", TRUNK), ("476b52", "54785a", TRUNK), ("5d7d50", "6a8a5c", TRUNK))
GREENS = variants(("7f9b4f", "93ab5a", TRUNK), ("6f9455", "86a860", TRUNK), ("8aa25a", "9db266", TRUNK))
AUTUMN = variants(
    ("d9743a", "e0883f", TRUNK),
    ("e89a3f", "f0b04a", TRUNK),
    ("c9552f", "d56a38", TRUNK),
    ("f0b84a", "e7a440", TRUNK),
)
BLOSSOM = variants(("e58fa0", "f0b3b8", TRUNK), ("eaa0a8", "f3c0c0", TRUNK), ("86a05f", "96ae68", TRUNK))
COTTAGES = variants(
    ("f6e6c8", "b5573f"),
    ("ecdfca", "c9634a"),
    ("efcf9a", "a8503f"),
    ("e8b898", "8a4f45"),
    ("d98f6e", "6f5a56"),
    ("f1ddc6", "55627f"),
    ("c9705a", "5d4a4a"),
    ("dfe3ea", "5f6f93"),
)
BOATS = variants(("c9533f", "f6ecd8"), ("f1e4cd", "e3b77a"), ("486a86", "f3e6d6"), ("8a5a3a", "e08f6a"))
PEAKS = variants(("7f8a86", "eef2f8"), ("8c8494", "eef2f8"), ("868c78", "b9b7ae"))
GREEN_PEAKS = variants(("7d9168", "9aa286"), ("8a9670", "a3a58c"), ("75886a", "8f9a80"))
STONES = variants(("a59c95",), ("8f8a88",), ("b5aa9c",))


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
        mesas = Scatter([shapes.mesa(k) for k in range(3)], [shapes.mesa(k) for k in range(3)], 46,
                        self.groves("mesas", 120, 0.5, 0.25), strata, (Label.ROCK,), (0.45, 1.3), 60, 150,
                        sink=1.0, name="mesas")  # fmt: skip
        cacti = Scatter([shapes.cactus()], [], 9, self.groves("cacti", 40, 0.35, 0.08),
                        variants(("5f8a62",), ("6d9468",)), (Label.PLANT,), (0.6, 1.3), 60, 60,
                        name="cacti")  # fmt: skip
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
        self.attributes |= {"ground": "a red canyon with a stream", "things": "layered red rock", "trees": "a few small trees"}
        self.scatters = [
            self.trees("round", self.groves("trees", 25, 0.3, 0.10), variants(("8ba25c", "98ae66", TRUNK), ("7d9854", "8ba25c", TRUNK)), 7, (0.5, 0.9)),
            self.rocks(self.groves("rocks", 20, 0.35, 0.10), variants(("c9623f",), ("b5573f",)), 5.5),
        ]  # fmt: skip
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
        self.attributes |= {"ground": "green terraced fields", "things": "a hillside village", "trees": "round trees and bushes"}
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
        self.attributes |= {"ground": "a snowy village" if snowy else "a country village", "things": "houses with lit windows and lamps" if self.mood.lit else "houses and lamps", "trees": "pines between them"}  # fmt: skip
        roofs = variants(("b9806a", "e4eaf4"), ("a8604c", "dfe6f2"), ("d9bf9c", "e8edf5"), ("8d93b0", "e4eaf4")) if snowy else COTTAGES
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
        self.attributes |= {"ground": "a meadow with ponds", "trees": "pink blossom trees", "things": "bushes and grey rocks"}
        self.scatters = [
            self.trees("round", self.groves("blossom", 35, 0.5, 0.10), BLOSSOM, 6.5, (0.7, 1.25)),
            self.bushes(self.groves("bushes", 20, 0.3, 0.05), GREENS[:, :1]),
            self.rocks(self.groves("rocks", 25, 0.2, 0.04), STONES),
            self.houses(self.groves("houses", 70, 0.3, 0.02, 0.6), COTTAGES, 24),
        ]
        self.finish(rng)
