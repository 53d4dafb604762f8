"""The kinds of world."""

from flythrough.worlds.scenes.base import Scene
from flythrough.worlds.scenes.built import Arcade, Colonnade, Rooms, Street
from flythrough.worlds.scenes.country import (
    AutumnWood,
    Canyon,
    Desert,
    Hills,
    Lake,
    Meadow,
    Snow,
    Terraces,
    Village,
)

KINDS: dict[str, type[Scene]] = {
    "hills": Hills,
    "lake": Lake,
    "street": Street,
    "canyon": Canyon,
    "arcade": Arcade,
    "rooms": Rooms,
    "village": Village,
    "snow": Snow,
    "colonnade": Colonnade,
    "wood": AutumnWood,
    "terraces": Terraces,
    "desert": Desert,
    "meadow": Meadow,
}

__all__ = ["KINDS", "Scene"]
