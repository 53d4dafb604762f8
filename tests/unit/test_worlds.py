"""Worlds: the same from the same seed, never shared between splits, metric, and the same from every side."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from flythrough.errors import InputError
from flythrough.worlds.compose import glance
from flythrough.worlds.mesh import Label, Material
from flythrough.worlds.render import Frames, prepare, render
from flythrough.worlds.scenes import KINDS
from flythrough.worlds.sheet import contact_sheet
from flythrough.worlds.walks import Poses, intrinsics_of, random_walk
from flythrough.worlds.world import SPLITS, World

HEIGHT, WIDTH = 36, 64
LENS = intrinsics_of(np.array([70.0]), HEIGHT, WIDTH)


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_one_world_and_another_split_another(kind: str) -> None:
    points = torch.tensor([[0.0, -2.0, 0.0]])
    one, again, other = (World.from_seed(7, split, kind) for split in ("train", "train", "val"))
    mesh, same, different = (world.mesh(points) for world in (one, again, other))

    assert torch.equal(mesh.triangles, same.triangles)
    assert torch.equal(mesh.albedo, same.albedo)
    assert torch.equal(one.start(), again.start())
    assert one.caption() == again.caption()
    assert len(mesh) != len(different) or not torch.equal(mesh.albedo, different.albedo)


def test_no_two_splits_share_a_stream_of_random_numbers() -> None:
    streams = {
        World.from_seed(seed, split, "hills").scene.stream("world") for split in SPLITS for seed in range(50)
    }
    assert len(streams) == 150


@pytest.mark.parametrize("seed", [0, 2**16 + 1, 2**31 - 1, 2**31])
def test_seeds_up_to_two_to_the_31_make_worlds(seed: int) -> None:
    world = World.from_seed(seed, "test")
    start = world.start()
    look = glance(world.mesh(start[None, :3, 3]), world.light, start[None])
    assert look.depth.isfinite().any()


@pytest.mark.parametrize(("seed", "split", "kind"), [(-1, "test", None), (2**31 + 1, "test", None), (0, "dev", None),
                                                     (0, "test", "moon")])  # fmt: skip
def test_impossible_worlds_are_refused(seed: int, split: str, kind: str | None) -> None:
    with pytest.raises(InputError):
        World.from_seed(seed, split, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_shows_something_along_a_walk(kind: str) -> None:
    world = World.from_seed(3, "test", kind)
    path = random_walk(world, 33, np.random.default_rng(0), height=HEIGHT, width=WIDTH, style="walk")
    frames = _film(world, path.c2w[::16], path.intrinsics[::16])

    assert not frames.depth.isnan().any()
    assert torch.equal(frames.depth.isinf(), frames.label == Label.SKY)
    assert frames.depth.isfinite().float().mean() > 0.2
    assert frames.depth.min() > 0.1
    assert (frames.rgb.float().flatten(1, 4).std() > 10).all()


def test_depth_is_the_distance_to_a_road_whose_place_is_known() -> None:
    world = World.from_seed(1, "test", "street")
    c2w = _pose(1.0, 2.5, 3.0, pitch=-0.4)
    frames = _film(world, c2w, LENS, supersample=1)
    points = _unproject(frames.depth[0, 0], c2w[0])
    road = frames.label[0, 0] == Label.ROAD  # lies at y = 0; the pavement 0.14 m and the paint 0.012 m higher

    assert road.float().mean() > 0.3
    y = points[road][:, 1]
    assert y.max() < 0.01
    assert y.min() > -0.15
    assert ((y.abs() < 0.02) | ((y + 0.14).abs() < 0.02)).float().mean() > 0.97


@pytest.mark.parametrize("kind", ["hills", "rooms", "desert"])
@pytest.mark.parametrize(
    "turn", [{"yaw": 0.2}, {"pitch": 0.15}, {"roll": 0.5}, {"yaw": -0.1, "roll": -0.2, "x": 0.3}]
)
def test_depth_of_one_view_predicts_another(kind: str, turn: dict[str, float]) -> None:
    """Points seen from one pose, carried to another, lie where that view's depth says, unless something hides them."""
    world = World.from_seed(4, "test", kind)
    first = world.start()[None]
    second = first @ _pose(
        turn.get("x", 0.0), 0.0, 0.0, turn.get("yaw", 0), turn.get("pitch", 0), turn.get("roll", 0)
    )
    frames = _film(world, torch.cat([first, second]), LENS.repeat(2, 1), supersample=1)
    points = _unproject(frames.depth[0, 0], first[0])
    seen = frames.depth[0, 0].isfinite() & (frames.depth[0, 0] < 40)

    camera = (points[seen] - second[0, :3, 3]) @ second[0, :3, :3]
    fx, fy, cx, cy = LENS[0]
    u, v = (
        (fx * camera[:, 0] / camera[:, 2] + cx).floor().long(),
        (fy * camera[:, 1] / camera[:, 2] + cy).floor().long(),
    )
    inside = (u > 0) & (u < WIDTH - 1) & (v > 0) & (v < HEIGHT - 1) & (camera[:, 2] > 0)
    u, v, expected = u[inside], v[inside], camera[inside, 2]
    around = torch.stack([frames.depth[0, 1][v + dv, u + du] for dv in (-1, 0, 1) for du in (-1, 0, 1)])

    assert len(expected) > 300
    between = (around.amin(0) * 0.98 <= expected) & (expected <= around.amax(0) * 1.02)
    hidden = around.amax(0) < expected
    assert between.float().mean() > 0.9
    assert (between | hidden).float().mean() > 0.98


@pytest.mark.parametrize("kind", ["lake", "rooms"])
def test_upside_down_is_the_same_picture_turned(kind: str) -> None:
    world = World.from_seed(2, "test", kind)
    start = world.start()[None]
    rolled = start @ _pose(0, 0, 0, roll=math.pi)
    upright, turned = _film(world, start, LENS, supersample=1), _film(world, rolled, LENS, supersample=1)

    assert (upright.label == turned.label.flip(2, 3)).float().mean() > 0.995
    difference = (upright.rgb.float() - turned.rgb.flip(2, 3).float()).abs()
    assert difference.mean() < 0.5


@pytest.mark.parametrize("kind", ["colonnade", "snow"])
def test_a_mirrored_world_is_the_mirrored_picture(kind: str) -> None:
    """Training flips pictures and poses together; a world flipped for real must look the same."""
    world = World.from_seed(2, "test", kind)
    start, flip = world.start()[None], torch.diag(torch.tensor([-1.0, 1, 1, 1], dtype=torch.float64))
    mesh, side = world.mesh(start[:, :3, 3].float()), torch.tensor([-1.0, 1, 1])
    mirrored = replace(mesh, triangles=mesh.triangles * side, normals=mesh.normals * side)
    light = replace(world.light, sun_direction=world.light.sun_direction * side)
    scene = prepare(mirrored, light, start[:, :3, 3].float() * side)
    theirs = render(scene, flip @ start @ flip, LENS, HEIGHT, WIDTH, supersample=1)
    ours = _film(world, start, LENS, supersample=1)

    assert (ours.label == theirs.label.flip(3)).float().mean() > 0.99
    assert (ours.rgb.float() - theirs.rgb.flip(3).float()).abs().mean() < 3  # shadow maps have other texels


def test_a_camera_that_looks_up_sees_more_sky() -> None:
    world = World.from_seed(5, "test", "hills")
    tilts = [world.start() @ _pose(0, 0, 0, pitch=angle)[0] for angle in (-0.3, 0.0, 0.3)]
    frames = _film(world, torch.stack(tilts), LENS.repeat(3, 1), supersample=1)
    sky = (frames.label[0] == Label.SKY).float().mean((1, 2))
    assert sky[0] < sky[1] < sky[2]


def test_water_is_level_and_where_the_light_says() -> None:
    world = World.from_seed(6, "test", "lake")
    mesh = world.mesh(torch.zeros(1, 3))
    wet = mesh.triangles[mesh.material == Material.WATER]
    assert len(wet)
    assert wet[..., 1].unique().tolist() == [world.light.water_level]


def test_normals_are_unit_and_facets_have_an_area() -> None:
    for kind in KINDS:
        mesh = World.from_seed(8, "test", kind).mesh(torch.zeros(1, 3))
        assert torch.allclose(mesh.normals.norm(dim=1), torch.ones(len(mesh)), atol=1e-4)
        assert mesh.albedo.min() >= 0
        assert mesh.albedo.max() <= 1
        assert len(mesh) < 120_000  # what one batch of worlds may weigh


def test_a_contact_sheet_has_a_frame_around_each_world() -> None:
    worlds = [World.from_seed(seed, "test") for seed in (1, 2, 3)]
    sheet = contact_sheet(worlds, columns=2, height=18, width=32)
    assert sheet.shape == (2 * 22 + 4, 2 * 36 + 4, 3)
    assert (sheet[:4] == 245).all()
    assert (sheet[26:44, 40:72] == 245).all()  # there is no fourth world


def _film(world: World, c2w: Tensor, intrinsics: Tensor, supersample: int = 1) -> Frames:
    points = c2w[:, :3, 3].float()
    scene = prepare(world.mesh(points), world.light, points)
    return render(scene, c2w, intrinsics, HEIGHT, WIDTH, supersample=supersample)


def _pose(x: float, up: float, z: float, yaw: float = 0, pitch: float = 0, roll: float = 0) -> Tensor:
    """(1, 4, 4)"""
    return Poses(np.array([[x, -up, z]]), np.array([[yaw, pitch, roll]], dtype=float)).c2w()


def _unproject(depth: Tensor, c2w: Tensor) -> Tensor:
    """World points (H, W, 3) of a depth map whose samples lie in the middle of their pixels."""
    fx, fy, cx, cy = LENS[0]
    v, u = torch.meshgrid(torch.arange(HEIGHT) + 0.5, torch.arange(WIDTH) + 0.5, indexing="ij")
    rays = torch.stack([(u - cx) / fx, (v - cy) / fy, torch.ones_like(u)], dim=-1)
    return (rays * depth[..., None]).double() @ c2w[:3, :3].T + c2w[:3, 3]
