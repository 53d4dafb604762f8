"""The kinds of world."""

from flythrough.worlds.scenes.base import Scene
from flythrough.worlds.scenes.lands import (
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
from flythrough.worlds.scenes.rooms import Rooms
from flythrough.worlds.scenes.stone import Arcade, Colonnade
from flythrough.worlds.scenes.street import Street

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
