"""Few colours that belong together: the light of a time of day, and small shifts that keep a palette in tune."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from flythrough.worlds.hashing import Floats
from flythrough.worlds.mesh import Light


def linear(hex_color: str) -> Floats:
    """'7f9b5a' -> linear RGB (3,)."""
    srgb = np.array([int(hex_color[i : i + 2], 16) / 255 for i in (0, 2, 4)])
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def colors(*hex_colors: str) -> Floats:
    """(N, 3) linear RGB."""
    return np.stack([linear(color) for color in hex_colors])


def variants(*sets: Sequence[str]) -> Floats:
    """Colour variants (variants, slots, 3) from hex strings."""
    return np.stack([colors(*one) for one in sets])


def shifted(values: Floats, hue: float, lightness: float) -> Floats:
    """All colours (..., 3) turned by the same small hue (of a full circle) and made lighter by the same factor."""
    flat = values.reshape(-1, 3).clip(0, None)
    out = []
    for color in flat:
        h, s, v = colorsys.rgb_to_hsv(*color)
        out.append(colorsys.hsv_to_rgb((h + hue) % 1, s, v * lightness))
    return np.array(out).reshape(values.shape)


@dataclass(frozen=True)
class Mood:
    """A time of day. Sky and fog as hex; sun linear; elevation in degrees; ambient scales the sky's light."""

    words: tuple[str, ...]
    sky: tuple[str, str, str]  # low, middle, high
    fog: str
    sun: tuple[float, float, float]
    elevation: tuple[float, float]
    ambient: float
    lit: bool = False  # windows and lamps are on
    disc: float = 2.0  # degrees


MOODS = {
    "dawn": Mood(
        ("at dawn", "in the early morning"), ("ffe3c8", "f2bdb0", "8fa5d0"), "f6d9c4",
        (2.25, 1.5, 1.0), (11, 20), 0.72),
    "morning": Mood(
        ("on a bright morning", "in fresh morning light"), ("fff2d6", "cfe3e8", "6fa8d8"), "f2ead8",
        (2.5, 2.0, 1.35), (18, 30), 0.76),
    "day": Mood(
        ("on a clear day", "at noon"), ("f0f5f0", "b9dae8", "5a9fd0"), "e2eef0",
        (2.3, 2.0, 1.6), (28, 44), 0.80),
    "golden": Mood(
        ("in the golden hour", "in warm afternoon light"), ("fbe9c0", "f3cf95", "86b3cc"), "f6dcae",
        (2.6, 1.75, 0.92), (14, 26), 0.70),
    "dusk": Mood(
        ("at dusk", "at sunset"), ("f9d8a8", "f3a683", "4b5a94"), "f6c99b",
        (2.3, 1.2, 0.62), (10, 17), 0.70, lit=True),
    "violet": Mood(
        ("in a violet evening", "after sunset"), ("ffdcb8", "f0a9a0", "57599c"), "f3c9b0",
        (2.0, 1.1, 0.8), (10, 16), 0.70, lit=True),
    "blue": Mood(
        ("in the blue hour", "in a blue evening"), ("f0c6a0", "8e9fcb", "33489a"), "a5adcc",
        (0.95, 0.80, 0.85), (11, 18), 0.66, lit=True),
    "pale": Mood(
        ("under a pale sky", "on a hazy morning"), ("f0f0f2", "c8d8ec", "86a9d4"), "e6e8ee",
        (1.8, 1.65, 1.5), (18, 32), 0.88),
    "night": Mood(
        ("at night", "in the moonlight"), ("6a7fb5", "3a4c86", "141f4a"), "4a5d96",
        (0.33, 0.43, 0.72), (13, 24), 0.74, lit=True, disc=1.6),
}  # fmt: skip


def light(mood: Mood, rng: Generator, *, ground: Floats, fog_density: float, water: Floats | None = None,
          water_level: float | None = None, azimuth: float | None = None) -> Light:  # fmt: skip
    """The light of a world; ground (3,) is the colour that bounces up; azimuth of the sun in radians, 0 ahead (+z)."""
    hue, lift = rng.uniform(-0.015, 0.015), rng.uniform(0.94, 1.05)
    low, middle, high = (shifted(linear(c), hue, lift) for c in mood.sky)
    elevation = math.radians(rng.uniform(*mood.elevation))
    azimuth = rng.uniform(0, 2 * math.pi) if azimuth is None else azimuth
    sun = np.array(mood.sun) * lift
    direction = [
        math.cos(elevation) * math.sin(azimuth),
        -math.sin(elevation),
        math.cos(elevation) * math.cos(azimuth),
    ]
    sky_light = mood.ambient * (0.25 * low + 0.35 * middle + 0.4 * high)
    bounce = 0.22 * mood.ambient * (low + middle) * 0.5 + 0.10 * sun * (0.3 + ground)
    night = mood.sky[2] == "141f4a"
    return Light(
        sun_direction=_tensor(direction),
        sun_color=_tensor(sun),
        sky_low=_tensor(low),
        sky_middle=_tensor(middle),
        sky_high=_tensor(high),
        sky_ambient=_tensor(0.9 * sky_light + 0.03),
        ground_ambient=_tensor(bounce),
        fog_color=_tensor(shifted(linear(mood.fog), hue, lift)),
        fog_density=fog_density,
        disc_color=_tensor(np.array([0.9, 0.95, 1.1]) if night else 0.55 * sun + 0.9 * low),
        disc_radius_deg=mood.disc,
        water_level=water_level,
        water_color=None if water is None else _tensor(water * (0.35 if night else 0.85)),
        exposure=1.1 if mood.lit and not night else 1.0,
    )


def _tensor(values: object) -> Tensor:
    return torch.tensor(np.asarray(values), dtype=torch.float32)
