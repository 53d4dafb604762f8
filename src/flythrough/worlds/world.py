"""A world from a seed: endless, the same every time, and never shared between splits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from flythrough.errors import InputError
from flythrough.worlds import hashing, shapes
from flythrough.worlds.mesh import Light, Mesh
from flythrough.worlds.scenes import KINDS
from flythrough.worlds.scenes.base import Scene

SPLITS = ("train", "val", "test")


@dataclass
class World:
    """One endless place. Coordinates in metres, y down; the first view is near the origin."""

    scene: Scene
    seed: int
    split: str

    @staticmethod
    def from_seed(seed: int, split: str = "test", kind: str | None = None) -> World:
        """World number `seed` (0 to 2**31) of a split.

        The split's name goes into every random number, so no two splits share a world. kind fixes the kind of
        place; otherwise the seed chooses.
        """
        if split not in SPLITS:
            raise InputError(f"split is {split!r}; it must be one of {', '.join(SPLITS)}")
        if not 0 <= seed <= 2**31:
            raise InputError(f"world seed is {seed}; it must be between 0 and 2147483648")
        if kind is None:
            names = list(KINDS)
            kind = names[hashing.key(split, seed, "kind") % len(names)]
        if kind not in KINDS:
            raise InputError(f"there is no kind of world called {kind!r}; there are {', '.join(KINDS)}")
        return World(KINDS[kind](seed=seed, split=split, kind=kind), seed, split)

    @property
    def kind(self) -> str:
        return self.scene.kind

    @property
    def light(self) -> Light:
        return self.scene.light

    @property
    def attributes(self) -> dict[str, str]:
        return self.scene.attributes

    def caption(self, rng: Generator | None = None) -> str:
        """What is there, in words; another rng gives other words."""
        from flythrough.worlds.captions import caption

        return caption(self.attributes, rng or np.random.default_rng(self.scene.stream("caption")))

    def mesh(self, points: Tensor) -> Mesh:
        """All triangles within sight of camera positions (P, 3), on the CPU."""
        places = points.detach().cpu().double().numpy()[:, [0, 2]]
        return shapes.to_mesh(self.scene.pieces(places))

    def ground(self, x: Tensor, z: Tensor) -> Tensor:
        """y (N,) of the ground or water at x, z (N,): smaller is higher."""
        places = torch.stack([x, z], dim=1).double().numpy()
        return torch.from_numpy(-self.scene.ground(places))

    def free(self, points: Tensor) -> Tensor:
        """Whether a camera may be at points (P, 3): above the ground and not inside of things. (P,) bool."""
        positions = points.detach().cpu().double().numpy()
        return torch.from_numpy(~self.scene.blocked(positions[:, [0, 2]], -positions[:, 1]))

    def start(self) -> Tensor:
        """c2w (4, 4) float64 of the first view, at eye height."""
        from flythrough.worlds.walks import opening

        return opening(self)
