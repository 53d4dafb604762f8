"""Small things that several kinds of place share."""

from __future__ import annotations

import numpy as np

from flythrough.worlds import shapes, things
from flythrough.worlds.hashing import Floats
from flythrough.worlds.mesh import Label, Material
from flythrough.worlds.palettes import colors
from flythrough.worlds.shapes import Piece

GLOBE_LIT = np.array([[0, 0, 0], [1.9, 1.35, 0.7]])
GLOBE_DARK = np.array([[0, 0, 0], [0.2, 0.2, 0.2]])
MATTE_AND_GLOBE = (Material.MATTE, Material.NO_SHADOW)


def at(x: Floats, up: Floats | float, z: Floats) -> Floats:
    """Positions (N, 3) for `place`."""
    return np.stack([x, np.broadcast_to(np.asarray(up, dtype=float), x.shape), z], axis=1)


def lanterns(x: Floats, up: float, z: Floats) -> Piece:
    """Waist-high lit lamps beside a walk."""
    return shapes.place(
        things.lamp(1.5),
        at(x, up, z),
        colors("2f3038", "f4ead0"),
        emission=GLOBE_LIT,
        labels=(Label.LAMP,),
        materials=MATTE_AND_GLOBE,
    )
