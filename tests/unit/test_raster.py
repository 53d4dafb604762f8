"""The rasteriser sees what a ray would see, and the kernels see what the reference sees."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from flythrough.kernels.raster.reference import FAR_BITS, nearest_depth, visible
from flythrough.worlds.mesh import Label, Light, Material, Mesh
from flythrough.worlds.render import Frames, prepare, render
from tests.interpreter import run_in_interpreter

INTRINSICS = torch.tensor([[40.0, 42.0, 31.0, 17.0]])


def test_every_sample_sees_what_its_ray_hits_first() -> None:
    generator = torch.Generator().manual_seed(3)
    triangles = torch.randn(60, 3, 3, generator=generator) * 3 + torch.tensor(
        [0.0, 0.0, 2.0]
    )  # many cross z = 0
    packed = visible(triangles, torch.eye(4)[None], INTRINSICS, 36, 60)[0]
    depth = (packed >> 32).int().view(torch.float32).where((packed >> 32) < FAR_BITS, torch.inf)
    expected, number = _cast_rays(triangles, 36, 60)

    agree = torch.isclose(depth, expected, rtol=1e-3) | (depth == expected)
    assert agree.float().mean() > 0.995  # samples within rounding of an edge may fall to either side
    hit = agree & depth.isfinite()
    assert hit.float().mean() > 0.3
    assert ((packed & 0xFFFFFFFF)[hit] == number[hit]).float().mean() > 0.99


def test_a_plan_holds_the_nearest_depth() -> None:
    floor = torch.tensor([[[0.0, 0, 5], [8, 0, 5], [0, 8, 5]], [[8.0, 8, 5], [8, 0, 5], [0, 8, 5]]])
    table = torch.tensor([[[2.0, 2, 3], [4, 2, 3], [2, 4, 3]]])
    plan = nearest_depth(torch.cat([floor, table]), torch.zeros(2), 0.5, 20)
    assert plan[4, 4] == 3
    assert plan[12, 12] == 5
    assert plan[18, 18] == 1e6


def test_sky_is_where_nothing_is_and_depth_is_metric() -> None:
    frames = _film(torch.device("cpu"), "torch", 32, 64)
    assert frames.rgb.shape == (1, 3, 32, 64, 3)
    sky = frames.label == Label.SKY
    assert torch.equal(sky, frames.depth.isinf())
    assert 0.1 < sky.float().mean() < 0.9
    wall = frames.depth[0, 0][frames.label[0, 0] == Label.BUILDING]
    assert wall.min() == pytest.approx(5, abs=0.01)  # the box's front is 5 m ahead


def test_the_same_call_gives_the_same_picture() -> None:
    one, two = (_film(torch.device("cpu"), "torch", 16, 32) for _ in range(2))
    assert torch.equal(one.rgb, two.rgb)


@pytest.mark.gpu
def test_the_kernels_equal_the_reference_on_a_gpu() -> None:
    device = torch.device("cuda")
    _assert_same(_film(device, "triton", 96, 160), _film(device, "torch", 96, 160))


def test_the_kernels_equal_the_reference_in_the_interpreter() -> None:
    run_in_interpreter(__file__)


def _assert_same(ours: Frames, reference: Frames) -> None:
    same = (ours.label == reference.label).float().mean()
    assert same > 0.995
    both = ours.depth.isfinite() & reference.depth.isfinite() & (ours.label == reference.label)
    error = (ours.depth[both] - reference.depth[both]).abs() / reference.depth[both]
    assert error.quantile(0.99) < 1e-4
    difference = (ours.rgb.float() - reference.rgb.float()).abs()
    assert difference.square().mean() < 1  # above 48 dB
    assert difference.quantile(0.98) <= 1


def _cast_rays(triangles: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Depth and number of the nearest triangle by ray-triangle intersection (Moeller and Trumbore), in float64."""
    fx, fy, cx, cy = INTRINSICS[0].double()
    v, u = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    rays = torch.stack([(u - cx) / fx, (v - cy) / fy, torch.ones_like(u)], dim=-1).double().view(-1, 1, 3)
    a, b, c = triangles.double().unbind(1)
    e1, e2 = b - a, c - a
    p = torch.linalg.cross(rays, e2[None].expand(len(rays), -1, -1))
    scale = 1 / (p * e1).sum(-1)
    q = torch.linalg.cross(-a, e1)
    s, t = (p * -a).sum(-1) * scale, (q * rays).sum(-1) * scale
    depth = (q * e2).sum(-1) * scale
    hit = (s >= 0) & (t >= 0) & (s + t <= 1) & (depth > 0.03)
    nearest, number = depth.where(hit, torch.inf).min(1)
    return nearest.float().view(height, width), number.view(height, width)


def _film(device: torch.device, backend: str, height: int, width: int) -> Frames:
    """A box on a meadow by a lake, seen three times while turning."""
    scene = prepare(_world().to(device), _light().to(device), torch.zeros(1, 3, device=device))
    c2w = torch.eye(4, dtype=torch.float64).repeat(3, 1, 1)
    for frame, angle in enumerate((0.0, 0.3, -0.4)):
        c2w[frame, :3, 3] = torch.tensor([0.1 * frame, -0.2 * frame, 0.0])
        c2w[frame, :3, :3] = torch.tensor(
            [[math.cos(angle), 0, math.sin(angle)], [0, 1, 0], [-math.sin(angle), 0, math.cos(angle)]]
        )
    focal = 0.8 * width
    intrinsics = torch.tensor([[focal, focal, width / 2, height / 2]]).repeat(3, 1)
    return render(scene, c2w.to(device), intrinsics.to(device), height, width, backend=backend)


def _world() -> Mesh:
    ground = [[-30.0, 1.6, -5.0], [30.0, 1.6, -5.0], [30.0, 1.6, 40.0], [-30.0, 1.6, 40.0]]
    box = [[x, y, z] for z in (5.0, 7.0) for y in (1.6, -2.0) for x in (-1.5, 1.0)]
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 2, 6, 4), (1, 5, 7, 3), (2, 3, 7, 6)]
    water = [[2.0, 1.5, 2.0], [20.0, 1.5, 2.0], [20.0, 1.5, 20.0], [2.0, 1.5, 20.0]]
    corners = [[ground[i] for i in t] for t in ((0, 1, 2), (0, 2, 3))]
    corners += [[box[q[i]] for i in t] for q in quads for t in ((0, 1, 2), (0, 2, 3))]
    corners += [[water[i] for i in t] for t in ((0, 1, 2), (0, 2, 3))]
    triangles = torch.tensor(corners)
    normals = torch.linalg.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normals = torch.nn.functional.normalize(normals, dim=-1)
    center = torch.tensor([-0.25, 0.0, 6.0])
    outward = torch.where(
        torch.arange(14)[:, None] < 2, torch.tensor([0.0, -1, 0]), triangles.mean(1) - center
    )
    outward[12:] = torch.tensor([0.0, -1, 0])
    normals = torch.where((normals * outward).sum(-1, keepdim=True) < 0, -normals, normals)
    material = torch.tensor([Material.MATTE] * 12 + [Material.WATER] * 2, dtype=torch.uint8)
    label = torch.tensor([Label.GROUND] * 2 + [Label.BUILDING] * 10 + [Label.WATER] * 2, dtype=torch.uint8)
    albedo = torch.rand(14, 3, generator=torch.Generator().manual_seed(0))
    return Mesh(triangles, normals, albedo, torch.zeros(14, 3), material, label)


def _light() -> Light:
    color = torch.tensor
    return Light(
        sun_direction=torch.nn.functional.normalize(color([0.6, -0.5, 0.3]), dim=0),
        sun_color=color([1.9, 1.3, 0.8]),
        sky_low=color([0.9, 0.7, 0.4]),
        sky_middle=color([0.8, 0.4, 0.3]),
        sky_high=color([0.1, 0.1, 0.3]),
        sky_ambient=color([0.4, 0.4, 0.6]),
        ground_ambient=color([0.2, 0.2, 0.15]),
        fog_color=color([0.9, 0.6, 0.4]),
        fog_density=0.01,
        disc_color=color([3.0, 2.4, 1.6]),
        water_level=1.5,
        water_color=color([0.05, 0.3, 0.4]),
    )


if __name__ == "__main__":  # see run_in_interpreter
    cpu = torch.device("cpu")
    _assert_same(_film(cpu, "triton", 11, 17), _film(cpu, "torch", 11, 17))
