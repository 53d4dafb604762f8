"""Country and what grows and stands in it: the parts that the kinds of land are made of."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from flythrough.worlds import palettes, shapes, things
from flythrough.worlds.hashing import Floats, smooth
from flythrough.worlds.mesh import Label, Material
from flythrough.worlds.palettes import colors, shifted, variants
from flythrough.worlds.scenes.base import Field, Open, Scatter, aslant

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
            [things.pine(k) for k in range(3)],
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
            [things.house(), things.house(6.5, 2.8, 4.5, 2.2), things.house(4.2, 4.6, 4.2, 1.9)],
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
        return Scatter(
            [things.lamp()],
            [],
            spacing,
            density,
            tints,
            (Label.LAMP,),
            (0.95, 1.05),
            60,
            60,
            globe,
            materials,
            name="lamps",
        )

    def rocks(
        self, density: Field, tints: Floats, spacing: float = 6.0, scale: tuple[float, float] = (0.4, 1.6)
    ) -> Scatter:
        return Scatter(
            [things.rock(k) for k in range(3)],
            [],
            spacing,
            density,
            tints,
            (Label.ROCK,),
            scale,
            50,
            50,
            sink=0.1,
            name="rocks",
        )

    def bushes(self, density: Field, tints: Floats, spacing: float = 5.0) -> Scatter:
        return Scatter(
            [things.bush(k) for k in range(3)],
            [],
            spacing,
            density,
            tints,
            (Label.PLANT,),
            (0.5, 1.2),
            40,
            40,
            name="bushes",
        )

    def boats(self, density: Field, spacing: float) -> Scatter:
        return Scatter(
            [things.boat()],
            [things.boat()],
            spacing,
            density,
            BOATS,
            (Label.BOAT,),
            (0.8, 1.4),
            60,
            120,
            afloat=True,
            name="boats",
        )

    def mountains(self, tints: Floats) -> Scatter:
        """Beyond the ground that is drawn, so that there is something far to fly to."""
        away = self.groves("mountains", 260, 0.75, 0.15, 0.45)
        peaks = [things.mountain(k) for k in range(4)]
        return Scatter(
            peaks,
            peaks,
            62,
            lambda p: away(p) * (np.hypot(*p.T) > 130),
            tints,
            (Label.ROCK,),
            (0.6, 1.25),
            130,
            230,
            materials=(Material.NO_SHADOW,),
            sink=3.0,
            name="mountains",
        )

    def trees(
        self, kind: str, density: Field, tints: Floats, spacing: float, scale: tuple[float, float]
    ) -> Scatter:
        make = {"round": things.round_tree, "tall": things.tall_tree}[kind]
        return Scatter(
            [make(k, 1) for k in range(2)],
            [make(k, 0) for k in range(2)],
            spacing,
            density,
            tints,
            (Label.TREE,),
            scale,
            30,
            90,
            name=f"{kind} trees",
        )


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
