"""Pictures, depth and labels of a world along a camera path.

`prepare` bakes what does not depend on the view: the light of every facet, the sun's shadow map, and how hemmed in
the ground is. `render` finds the visible triangle of every sample (kernels/raster), shades it, adds the mirror image
in water, fog and sky, and averages 2x2 samples a pixel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from flythrough.kernels.raster import FAR_BITS, nearest_depth, visible
from flythrough.worlds.mesh import Light, Material, Mesh

SHADOW_TEXEL = 0.14  # metres; a shadow's edge is about three of them wide
SHADOW_REACH = 60.0  # metres around the camera's path that have shadows
PLAN_REACH = 40.0  # metres around the path that darken on contact
PLAN_SIZE = 512
MAX_SHADOW_SIZE = 4096


@dataclass
class RenderScene:
    """A mesh with its baked light. sun, ambient, emission (N, 3): what a facet sends, shadow not counted."""

    mesh: Mesh
    light: Light
    sun: Tensor
    ambient: Tensor
    shadow: ShadowMap | None
    plan: Plan

    @cached_property
    def facets(self) -> Tensor:
        """(N, 12): sun, ambient, emission and normal, as the shading kernel reads them."""
        return torch.cat([self.sun, self.ambient, self.mesh.emission, self.mesh.normals], dim=1).contiguous()

    @cached_property
    def kinds(self) -> Tensor:
        """(N, 2) uint8: material and label."""
        return torch.stack([self.mesh.material, self.mesh.label], dim=1)

    @cached_property
    def packed_light(self) -> Tensor:
        """(64,) float32: light, water, shadow map and plan, in the places where the shading kernel looks."""
        light, device = self.light, self.sun.device
        packed = torch.zeros(64, device=device)
        places: dict[int, Tensor | float] = {
            0: light.sun_direction,
            3: math.radians(light.disc_radius_deg),
            4: light.sky_low,
            7: light.sky_middle,
            10: light.sky_high,
            13: light.disc_color,
            16: light.fog_density,
            17: light.fog_color,
            24: light.exposure,
            40: self.plan.origin,
            42: self.plan.texel,
        }
        if light.water_level is not None and light.water_color is not None:
            places |= {20: light.water_level, 21: light.water_color}
        if self.shadow is not None:
            places |= {28: self.shadow.axes.flatten(), 37: self.shadow.origin, 39: self.shadow.texel}
        for place, value in places.items():
            values = value.to(packed) if isinstance(value, Tensor) else packed.new_tensor([value])
            packed[place : place + len(values)] = values
        return packed


@dataclass
class ShadowMap:
    """Depth (size, size) seen from the sun; world @ axes.T is (u, v, depth away from the sun)."""

    depth: Tensor
    axes: Tensor
    origin: Tensor
    texel: float


@dataclass
class Plan:
    """Maps of the ground seen from above: its height (metres, up) and how much stands around (0 to 1)."""

    height: Tensor
    hemmed: Tensor
    origin: Tensor
    texel: float


@dataclass
class Frames:
    """rgb (B, F, H, W, 3) uint8 sRGB; depth (B, F, H, W) float32 along z in metres, inf for sky; label uint8.

    Depth and label are those of a pixel's first sample, a quarter of a pixel above and left of its centre.
    """

    rgb: Tensor
    depth: Tensor
    label: Tensor


@torch.no_grad()
def prepare(mesh: Mesh, light: Light, points: Tensor) -> RenderScene:
    """Bake the light of a mesh for cameras near points (P, 3). All on the mesh's device."""
    facing = (mesh.normals @ light.sun_direction).clamp_min(0)[:, None]
    upward = 0.5 - 0.5 * mesh.normals[:, 1:2]
    sideways = 0.9 + 0.15 * (0.5 + 0.5 * mesh.normals[:, ::2] @ light.sun_direction[::2])[:, None]
    ambient = (light.ground_ambient + (light.sky_ambient - light.ground_ambient) * upward) * sideways
    sunlit = bool(light.sun_color.max() > 1e-3)
    return RenderScene(
        mesh=mesh,
        light=light,
        sun=mesh.albedo * facing * light.sun_color,
        ambient=mesh.albedo * ambient,
        shadow=_shadow_map(mesh, light, points) if sunlit else None,
        plan=_plan(mesh, points),
    )


@torch.no_grad()
def render(
    scenes: RenderScene | Sequence[RenderScene],
    c2w: Tensor,
    intrinsics: Tensor,
    height: int,
    width: int,
    *,
    supersample: int = 2,
    backend: str = "auto",
) -> Frames:
    """Film scenes along paths.

    backend: "torch" runs anywhere and is the definition, "triton" needs a GPU, "auto" takes what the device has.

    c2w (B, F, 4, 4) world poses, OpenCV axes; intrinsics (B, F, 4) in pixels; one scene for each of the B paths, or
    one scene and (F, 4, 4), (F, 4), which then come back with B = 1.
    """
    if isinstance(scenes, RenderScene):
        scenes, c2w, intrinsics = [scenes], c2w[None], intrinsics[None]
    clips = [
        [torch.cat(parts) for parts in zip(*_film(*clip, height, width, supersample, backend), strict=True)]
        for clip in zip(scenes, c2w, intrinsics, strict=True)
    ]
    return Frames(*(torch.stack(parts) for parts in zip(*clips, strict=True)))


def _film(
    scene: RenderScene,
    c2w: Tensor,
    intrinsics: Tensor,
    height: int,
    width: int,
    supersample: int,
    backend: str,
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """A clip in pieces of as many frames as memory likes."""
    device = scene.sun.device
    fused = backend == "triton" or (backend == "auto" and device.type == "cuda")
    samples = 1 << (27 if fused else 24 if device.type == "cuda" else 20)
    at_once = max(1, samples // (height * width * supersample**2))
    for poses, lenses in zip(
        c2w.to(device).split(at_once), intrinsics.to(device).split(at_once), strict=True
    ):
        if fused:
            yield _fused_frames(scene, poses, lenses, height, width, supersample)
        else:
            view = View.of(poses, lenses * supersample, height * supersample, width * supersample)
            yield _frames(scene, view, supersample)


@dataclass
class View:
    """F cameras and the rays of their samples: directions (F H W, 3) unit vectors, stretch (F H W,) = |ray| / z."""

    c2w: Tensor
    w2c: Tensor
    intrinsics: Tensor
    height: int
    width: int
    directions: Tensor
    stretch: Tensor

    @staticmethod
    def of(c2w: Tensor, intrinsics: Tensor, height: int, width: int) -> View:
        w2c, c2w, intrinsics = torch.linalg.inv(c2w).float(), c2w.float(), intrinsics.float()
        device = c2w.device
        fx, fy, cx, cy = (value[:, None, None] for value in intrinsics.unbind(1))
        x = ((torch.arange(width, device=device) + 0.5 - cx) / fx).expand(-1, height, -1)
        y = ((torch.arange(height, device=device)[:, None] + 0.5 - cy) / fy).expand(-1, -1, width)
        rays = torch.stack([x, y, torch.ones_like(x)], dim=-1).flatten(1, 2) @ c2w[:, :3, :3].mT
        stretch = rays.norm(dim=-1, keepdim=True)
        return View(c2w, w2c, intrinsics, height, width, (rays / stretch).flatten(0, 1), stretch.flatten())

    def origins(self, samples: Tensor) -> Tensor:
        return self.c2w[samples // (self.height * self.width), :3, 3]

    def see(self, triangles: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Samples that hit something, the triangle they hit, and the distance along the ray: (K,) each."""
        packed = visible(triangles, self.w2c, self.intrinsics, self.height, self.width).flatten()
        bits = packed >> 32
        hits = (bits < FAR_BITS).nonzero().squeeze(1)
        distance = bits[hits].int().view(torch.float32) * self.stretch[hits]
        return hits, packed[hits] & 0xFFFFFFFF, distance


def _frames(scene: RenderScene, view: View, supersample: int) -> tuple[Tensor, Tensor, Tensor]:
    """rgb (F, H, W, 3) uint8, depth (F, H, W), label (F, H, W) of the view."""
    mesh, light = scene.mesh, scene.light
    hits, number, distance = view.see(mesh.triangles)
    directions = view.directions[hits]
    empty = torch.ones_like(view.stretch, dtype=torch.bool)
    empty[hits] = False
    color = torch.zeros_like(view.directions)
    color[empty] = sky(light, view.directions[empty])
    points = view.origins(hits) + directions * distance[:, None]
    surface = _lit(scene, number, points)
    wet = (mesh.material[number] == Material.WATER).nonzero().squeeze(1)
    if light.water_level is not None and len(wet):
        surface[wet] = _water(scene, view, hits[wet], directions[wet])
    color[hits] = fogged(light, surface, directions, distance)

    depth = torch.full_like(view.stretch, torch.inf)
    depth[hits] = distance / view.stretch[hits]
    label = torch.zeros_like(view.stretch, dtype=torch.uint8)
    label[hits] = mesh.label[number]
    shape = (-1, view.height, view.width)
    pixels = functional.avg_pool2d(color.view(*shape, 3).permute(0, 3, 1, 2), supersample)
    rgb = (tone(pixels * light.exposure) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
    step = slice(None, None, supersample)
    return rgb, depth.view(shape)[:, step, step], label.view(shape)[:, step, step]


def _fused_frames(
    scene: RenderScene, c2w: Tensor, intrinsics: Tensor, height: int, width: int, supersample: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The same as _frames by the kernels."""
    from flythrough.kernels.raster import triton as kernels

    mesh, light = scene.mesh, scene.light
    w2c, c2w, lenses = torch.linalg.inv(c2w).float(), c2w.float(), intrinsics.float() * supersample
    size = height * supersample, width * supersample
    packed = kernels.visible(mesh.triangles, w2c, lenses, *size)
    reflection = None
    if light.water_level is not None:
        reflection = kernels.visible(mirrored(mesh, light.water_level), w2c, lenses, *size)
    cameras = torch.cat([c2w[:, :3, :3].flatten(1), c2w[:, :3, 3], lenses], dim=1)
    maps = scene.shadow.depth if scene.shadow else None, scene.plan.hemmed, scene.plan.height
    return kernels.shade(
        packed,
        reflection,
        cameras,
        scene.facets,
        scene.kinds,
        scene.packed_light,
        maps,
        height,
        width,
        supersample,
    )


def _lit(scene: RenderScene, number: Tensor, points: Tensor) -> Tensor:
    """Linear colour (K, 3) of facets `number` at points (K, 3): sun where no shadow falls, sky, own light."""
    open_to_sky = 1 - 0.55 * _hemmed(scene.plan, points)
    sun = scene.sun[number] * (0.5 + 0.5 * open_to_sky)[:, None]
    if scene.shadow is not None:
        bright = (sun.amax(1) > 0).nonzero().squeeze(1)  # facets turned away are dark without a shadow
        lifted = points[bright] + 0.8 * scene.shadow.texel * scene.mesh.normals[number[bright]]
        sun[bright] *= _sunlight(scene.shadow, lifted)[:, None]
    return sun + scene.ambient[number] * open_to_sky[:, None] + scene.mesh.emission[number]


def _sunlight(shadow: ShadowMap, points: Tensor) -> Tensor:
    """Share (K,) of the sun that reaches the points: 3x3 texels compared, weighted by a quadratic B-spline."""
    place = points @ shadow.axes.T
    cell = (place[:, :2] - shadow.origin) / shadow.texel - 0.5
    nearest = (cell + 0.5).floor()
    offset = cell - nearest
    weights = torch.stack([0.5 * (0.5 - offset) ** 2, 0.75 - offset**2, 0.5 * (0.5 + offset) ** 2], dim=-1)
    size, limit = len(shadow.depth), place[:, 2] - (0.9 * shadow.texel + 0.03)
    light = torch.zeros_like(limit)
    for i in range(3):
        for j in range(3):
            u, v = (nearest[:, 0] + i - 1).long(), (nearest[:, 1] + j - 1).long()
            inside = (u >= 0) & (u < size) & (v >= 0) & (v < size)
            depth = shadow.depth.view(-1)[v.clamp(0, size - 1) * size + u.clamp(0, size - 1)]
            light += weights[:, 0, i] * weights[:, 1, j] * ((depth > limit) | ~inside)
    return light


def _hemmed(plan: Plan, points: Tensor) -> Tensor:
    """How much stands around the points (K,), 0 to 1, fading with height above the ground."""
    place = (points[:, ::2] - plan.origin) / (plan.texel * PLAN_SIZE / 2) - 1
    maps = torch.stack([plan.hemmed, plan.height])[None]
    around, ground = functional.grid_sample(
        maps, place[None, None], padding_mode="border", align_corners=False
    )[0, :, 0]
    return around * torch.exp(-0.8 * (-points[:, 1] - ground).clamp_min(0))


def _water(scene: RenderScene, view: View, samples: Tensor, directions: Tensor) -> Tensor:
    """Colour (K, 3) of water: what stands above it, mirrored, over a tint that deepens where one looks down."""
    light, mesh = scene.light, scene.mesh
    assert light.water_level is not None
    assert light.water_color is not None
    flip = torch.tensor([1.0, -1.0, 1.0], device=samples.device)
    color = sky(light, view.directions * flip)
    hits, number, distance = view.see(mirrored(mesh, light.water_level))
    points = (view.origins(hits) + view.directions[hits] * distance[:, None]) * flip
    points[:, 1] += 2 * light.water_level
    color[hits] = fogged(light, _lit(scene, number, points), view.directions[hits] * flip, distance)

    grazing = 1 - directions[:, 1:2].abs()
    share = 0.12 + 0.78 * grazing**3
    return light.water_color * (0.55 + 0.45 * grazing) * (1 - share) + color[samples] * share


def mirrored(mesh: Mesh, level: float) -> Tensor:
    """Triangles (N, 3, 3) mirrored at the water; what lies below it, and the water, shrinks to nothing."""
    above = (mesh.triangles[..., 1].amin(1) < level - 0.01) & (mesh.material != Material.WATER)
    image = mesh.triangles.clone()
    image[..., 1] = 2 * level - image[..., 1].clamp_max(level)
    return image * above[:, None, None]


def sky(light: Light, directions: Tensor) -> Tensor:
    """Linear colour (K, 3) of the sky in unit directions (K, 3): a gradient by elevation, glow and disc of the sun."""
    up = -directions[:, 1:2]
    rise = (up / 0.28).clamp(0, 1)
    color = light.sky_low + (light.sky_middle - light.sky_low) * rise * rise * (3 - 2 * rise)
    color = color + (light.sky_high - color) * ((up - 0.1) / 0.6).clamp(0, 1)
    towards = (directions @ light.sun_direction)[:, None].clamp(-1, 1)
    ahead = towards.clamp_min(0)
    color = color + light.disc_color * (0.12 * ahead**24 + 0.04 * ahead**4)
    radius = math.radians(light.disc_radius_deg)
    disc = ((1.08 * radius - (2 - 2 * towards).sqrt()) / (0.16 * radius)).clamp(0, 1)
    return color + (light.disc_color - color) * disc


def fogged(light: Light, color: Tensor, directions: Tensor, distance: Tensor) -> Tensor:
    """Everything far joins the sky just above the horizon."""
    level = torch.stack([directions[:, 0], directions[:, 1].clamp(-0.06, -0.02), directions[:, 2]], dim=-1)
    far = 0.5 * sky(light, functional.normalize(level, dim=-1)) + 0.5 * light.fog_color
    return color + (far - color) * (1 - torch.exp(-light.fog_density * distance))[:, None]


def tone(color: Tensor) -> Tensor:
    """Linear light to sRGB in [0, 1], with a soft shoulder."""
    color = color.clamp_min(0)
    color = color / (1 + (color / 1.6) ** 2).sqrt()
    return torch.where(
        color <= 0.0031308, 12.92 * color, 1.055 * color.clamp_min(1e-8) ** (1 / 2.4) - 0.055
    ).clamp(0, 1)


def _shadow_map(mesh: Mesh, light: Light, points: Tensor) -> ShadowMap:
    away = -light.sun_direction
    across = functional.normalize(torch.linalg.cross(away, away.new_tensor([0.0, 1.0, 0.01])), dim=0)
    axes = torch.stack([across, torch.linalg.cross(away, across), away])
    place = points @ axes.T
    low, high = place[:, :2].amin(0) - SHADOW_REACH, place[:, :2].amax(0) + SHADOW_REACH
    extent = float((high - low).max())
    size = min(MAX_SHADOW_SIZE, math.ceil(extent / SHADOW_TEXEL))
    origin = (low + high - extent) / 2
    casters = mesh.triangles[mesh.material == Material.MATTE]
    depth = nearest_depth(casters @ axes.T, origin, extent / size, size)
    return ShadowMap(depth, axes, origin, extent / size)


def _plan(mesh: Mesh, points: Tensor) -> Plan:
    low, high = points[:, ::2].amin(0) - PLAN_REACH, points[:, ::2].amax(0) + PLAN_REACH
    extent = float((high - low).max())
    origin, texel = (low + high - extent) / 2, extent / PLAN_SIZE
    dry = mesh.material != Material.WATER
    corners, normals = mesh.triangles[dry], mesh.normals[dry]
    # Seen from below, the first thing met is the ground.
    height = nearest_depth(
        torch.stack([corners[..., 0], corners[..., 2], -corners[..., 1]], dim=-1), origin, texel, PLAN_SIZE
    )
    height = torch.where(height < 1e5, height, -points[:, 1].mean() - 2)
    center = corners.mean(1)
    u, v = ((center[:, ::2] - origin) / texel).long().clamp(0, PLAN_SIZE - 1).unbind(1)
    above = -center[:, 1] - height[v, u]
    standing = corners[(above > 0.15) & (above < 3) & (normals[:, 1] > -0.8)]
    hemmed = torch.zeros_like(height)
    spread = _barycentric(16, corners.device) @ standing  # walls have no area from above: mark points on them
    cells = ((spread[..., ::2] - origin) / texel).long().flatten(0, 1)
    cells = cells[((cells >= 0) & (cells < PLAN_SIZE)).all(1)]
    hemmed[cells[:, 1], cells[:, 0]] = 1
    return Plan(_blur(height, 1), _blur(hemmed, max(1, round(0.5 / texel))), origin, texel)


def _barycentric(count: int, device: torch.device) -> Tensor:
    """(count, 3) fixed weights spread over a triangle."""
    steps = torch.arange(count, dtype=torch.float32, device=device)
    a, b = ((steps + 0.5) / count).sqrt(), (steps * 0.618034) % 1
    return torch.stack([1 - a, a * (1 - b), a * b], dim=1)


def _blur(image: Tensor, radius: int) -> Tensor:
    """Three box filters: nearly a Gaussian."""
    image = image[None, None]
    for _ in range(3):
        padded = functional.pad(image, (radius,) * 4, mode="replicate")
        image = functional.avg_pool2d(padded, 2 * radius + 1, stride=1)
    return image[0, 0]
