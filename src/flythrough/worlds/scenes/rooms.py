"""Rooms in a row, furnished, with windows to a garden."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from flythrough.worlds import hashing, palettes, shapes, things
from flythrough.worlds.hashing import Floats
from flythrough.worlds.mesh import Label
from flythrough.worlds.palettes import colors, shifted
from flythrough.worlds.scenes.base import Scene
from flythrough.worlds.scenes.country import GREENS, WARM_WINDOW
from flythrough.worlds.scenes.fittings import at
from flythrough.worlds.shapes import Piece, Template


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
        self.light = palettes.light(
            self.mood,
            rng,
            ground=self.boards[0],
            fog_density=0.0015,
            azimuth=rng.uniform(0.6, 2.4) * (1 if rng.random() < 0.5 else -1),
        )
        lights = self.light
        room = 0.55 * lights.sky_ambient + 0.30 * float(lights.sky_ambient.mean())
        warm = lights.sky_ambient.new_tensor([1.25, 1.02, 0.78])
        if self.mood_name == "night":  # lamps light the rooms, the moon the garden
            room = room.new_tensor([0.42, 0.36, 0.30])
        self.light = replace(
            lights,
            sky_ambient=1.15 * room * warm,
            ground_ambient=1.1 * room * warm,
            indoor=True,
            sun_color=1.25 * lights.sun_color,
        )
        self.rooms: dict[int, list[Piece]] = {}
        self.attributes |= {
            "ground": "a furnished house, room after room",
            "things": "tall windows and wooden beams"
            if len(self.beamed) > 2
            else "tall windows and doors in a line",
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
            out.append(
                shapes.place(
                    things.round_tree(3, 0),
                    at(trees[keep, 0], -0.25, trees[keep, 1]),
                    tint,
                    scale=0.8 + 0.5 * wish[keep, 2],
                    labels=(Label.TREE,),
                )
            )
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
