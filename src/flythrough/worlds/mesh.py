"""Meshes and light: what a world hands to the renderer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import IntEnum

import torch
from torch import Tensor


class Label(IntEnum):
    """What a triangle belongs to; evaluation's classifiers read it."""

    SKY = 0
    GROUND = 1
    WATER = 2
    TREE = 3
    ROCK = 4
    BUILDING = 5
    ROAD = 6
    PILLAR = 7
    FURNITURE = 8
    WALL = 9
    LAMP = 10
    ROOF = 11
    PLANT = 12
    BOAT = 13


class Material(IntEnum):
    MATTE = 0
    WATER = 1  # horizontal; mirrors
    NO_SHADOW = 2  # matte, but casts no shadow: lamp globes, panes


@dataclass
class Mesh:
    """A soup of N triangles in world coordinates (metres, y down), all tensors on one device.

    triangles (N, 3, 3) float32 corners; normals (N, 3) outward unit facet normals; albedo and emission (N, 3) linear
    RGB; material and label (N,) uint8.
    """

    triangles: Tensor
    normals: Tensor
    albedo: Tensor
    emission: Tensor
    material: Tensor
    label: Tensor

    def __len__(self) -> int:
        return len(self.triangles)

    @staticmethod
    def join(meshes: Sequence[Mesh]) -> Mesh:
        return Mesh(*(torch.cat([getattr(mesh, f.name) for mesh in meshes]) for f in fields(Mesh)))

    def to(self, device: torch.device | str) -> Mesh:
        return Mesh(*(getattr(self, f.name).to(device) for f in fields(Mesh)))

    def transformed(self, matrix: Tensor) -> Mesh:
        """Moved by a rigid (4, 4) matrix."""
        rotation = matrix[:3, :3].to(self.triangles)
        moved = self.triangles @ rotation.T + matrix[:3, 3].to(self.triangles)
        return replace(self, triangles=moved, normals=self.normals @ rotation.T)


@dataclass(frozen=True)
class Light:
    """Sun, sky, fog and water of a world. Colours are linear RGB tensors (3,).

    sun_direction points towards the sun (y < 0: above the horizon). fog_density is per metre. water_level is the y
    of the water, or None.
    """

    sun_direction: Tensor
    sun_color: Tensor
    sky_low: Tensor
    sky_middle: Tensor
    sky_high: Tensor
    sky_ambient: Tensor
    ground_ambient: Tensor
    fog_color: Tensor
    fog_density: float
    disc_color: Tensor
    disc_radius_deg: float = 2.0
    water_level: float | None = None
    water_color: Tensor | None = None
    exposure: float = 1.0
    indoor: bool = False

    def to(self, device: torch.device | str) -> Light:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{name: v.to(device) for name, v in values.items() if isinstance(v, Tensor)})
