"""Official weights: which there are, getting them, and where they lie. Only `plan` and `pull` use the network."""

from flythrough.hub.pull import Plan, plan, pull
from flythrough.hub.releases import RELEASES, Licence, Part, Release, release
from flythrough.hub.store import Held, default_home, held, parts, remove

__all__ = [
    "RELEASES",
    "Held",
    "Licence",
    "Part",
    "Plan",
    "Release",
    "default_home",
    "held",
    "parts",
    "plan",
    "pull",
    "release",
    "remove",
]
