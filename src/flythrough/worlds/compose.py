"""What a view holds, at a glance: tiny pictures that tell a composed view from a wall at arm's length."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional

from flythrough.worlds.mesh import Label, Light, Material, Mesh
from flythrough.worlds.render import View, fogged, sky, tone

HEIGHT, WIDTH = 18, 32
FOV_DEG = 70.0
DULL = 0.06  # a start whose luminance deviates less than this teaches nothing
FLAT = (Label.SKY, Label.GROUND, Label.ROAD, Label.WATER)


@dataclass(frozen=True)
class Glance:
    """P views of HEIGHT x WIDTH samples: luminance in 0..1 (sRGB), depth along z in metres (inf: sky), label."""

    luminance: Tensor
    depth: Tensor
    label: Tensor
    disc: Tensor  # bool: the moon stands here

    def contrast(self) -> Tensor:
        """(P,) standard deviation of the luminance."""
        return self.luminance.flatten(1).std(1)

    def crowded(self) -> Tensor:
        """(P,) share of the picture that something within 2.5 m fills, the ground not counted."""
        return _share(self._standing() & (self.depth < 2.5))

    def clear(self) -> Tensor:
        """(P,) bool: worth setting out from. Not dull, nor filled by what is near."""
        return (self.contrast() > DULL) & (self.crowded() < 0.3)

    def score(self, indoor: bool) -> Tensor:
        """(P,) how well composed: contrast, something near at a side, something in the middle, something far.

        The weights are a matter of taste, set by looking at contact sheets.
        """
        good = 1.3 * _full(self.contrast(), 0.2) + self._layers(indoor) + 0.12 * self._kinds()
        bad = 6 * self.crowded() + 1.5 * (0.36 - self.luminance.flatten(1).mean(1)).clamp_min(0)
        if indoor:
            return good - bad
        water = _share(self.label == Label.WATER)
        good = good + 0.9 * _full(water, 0.15) + 0.35 * self.disc.flatten(1).any(1)
        bad = bad + 1.5 * (water - 0.4).clamp_min(0)
        return good - bad - 2 * (_share(self.label == Label.SKY) - 0.6).clamp_min(0)

    def _layers(self, indoor: bool) -> Tensor:
        near, middle, far = ((2.0, 4.0), (4.0, 9.0), 9.0) if indoor else ((3.5, 13.0), (13.0, 45.0), 25.0)
        standing, depth, third = self._standing(), self.depth, WIDTH // 3
        beside = standing & (depth > near[0]) & (depth < near[1])
        side = torch.maximum(_share(beside[..., :third]), _share(beside[..., -third:]))
        ahead = _share(beside[..., third:-third])
        halfway = _share(standing & (depth > middle[0]) & (depth < middle[1]))
        distant = _share(depth > far)
        close = _share(standing & (depth < 0.45 * near[1]))
        walled = _share(standing & (depth < (3.0 if indoor else 18.0)))
        good = (
            0.6 * _full(side, 0.25)
            + 0.8 * _full(halfway, 0.14)
            + 0.5 * _full(distant, 0.05 if indoor else 0.25)
        )
        bad = 0.48 * (ahead - 0.35).clamp_min(0) + 5 * (close - 0.10).clamp_min(0)
        return good - bad - 2 * (walled - 0.42).clamp_min(0)

    def _kinds(self) -> Tensor:
        """(P,) how many kinds of things can be seen."""
        return torch.stack([_share(self.label == kind) > 0.012 for kind in Label]).sum(0)

    def _standing(self) -> Tensor:
        flat = torch.zeros_like(self.label, dtype=torch.bool)
        for kind in FLAT:
            flat |= self.label == kind
        return ~flat


def glance(mesh: Mesh, light: Light, c2w: Tensor) -> Glance:
    """Look at a mesh from poses (P, 4, 4), without shadows or reflections: a few milliseconds each."""
    focal = 0.5 * WIDTH / math.tan(math.radians(FOV_DEG) / 2)
    lens = torch.tensor([[focal, focal, WIDTH / 2, HEIGHT / 2]]).expand(len(c2w), 4)
    view = View.of(c2w, lens, HEIGHT, WIDTH)
    color = sky(light, view.directions)
    mesh = _visible_at(mesh, c2w)
    hits, number, distance = view.see(mesh.triangles)
    sun = (
        0.0
        if light.indoor
        else (mesh.normals[number] @ light.sun_direction).clamp_min(0)[:, None] * light.sun_color
    )
    upward = 0.5 - 0.5 * mesh.normals[number, 1:2]
    ambient = light.ground_ambient + (light.sky_ambient - light.ground_ambient) * upward
    surface = mesh.albedo[number] * (sun + ambient) + mesh.emission[number]
    wet = mesh.material[number] == Material.WATER
    if light.water_color is not None and bool(wet.any()):
        image = sky(light, view.directions[hits[wet]] * torch.tensor([1.0, -1.0, 1.0]))
        surface[wet] = 0.5 * light.water_color + 0.5 * image
    color[hits] = fogged(light, surface, view.directions[hits], distance)
    depth = torch.full_like(view.stretch, torch.inf)
    depth[hits] = distance / view.stretch[hits]
    label = torch.zeros_like(view.stretch, dtype=torch.uint8)
    label[hits] = mesh.label[number]
    weights = torch.tensor([0.299, 0.587, 0.114])
    shape = (-1, HEIGHT, WIDTH)
    up_there = view.directions @ light.sun_direction > math.cos(math.radians(2.5))
    moonlit = float(light.sun_color.max()) < 0.8
    disc = up_there & depth.isinf() & moonlit
    return Glance(
        (tone(color * light.exposure) @ weights).view(shape),
        depth.view(shape),
        label.view(shape),
        disc.view(shape),
    )


def _visible_at(mesh: Mesh, c2w: Tensor) -> Mesh:
    """Without the triangles that are smaller than half a sample."""
    center = mesh.triangles.mean(1)
    size = (mesh.triangles - center[:, None]).norm(dim=-1).amax(1)
    away = torch.cdist(center, c2w[:, :3, 3].float()).amin(1)
    keep = size > 0.018 * away
    return Mesh(*(getattr(mesh, f.name)[keep] for f in fields(Mesh)))


def _share(mask: Tensor) -> Tensor:
    """(P, H, W) bool -> (P,)"""
    return mask.flatten(1).float().mean(1)


def _full(value: Tensor, enough: float) -> Tensor:
    """0 to 1, where `enough` is all that counts."""
    return functional.hardtanh(value / enough, 0, 1)
