"""Walks go where a body could go, begin with something to see, and are repeatable."""

from __future__ import annotations

from itertools import cycle

import numpy as np
import pytest
import torch
from torch import Tensor

from flythrough.camera.path import CameraPath
from flythrough.worlds.compose import DULL, glance
from flythrough.worlds.scenes import KINDS
from flythrough.worlds.walks import STYLES, place, random_walk
from flythrough.worlds.world import World


@pytest.mark.parametrize(
    ("kind", "style"), [*zip(KINDS, cycle(STYLES), strict=False), ("wood", "walk"), ("rooms", "walk")]
)
def test_walks_keep_their_distance_from_everything(kind: str, style: str) -> None:
    world = World.from_seed(11, "train", kind)
    path = random_walk(world, 81, np.random.default_rng(5), style=style)
    positions = path.c2w[:, :3, 3].float()
    triangles = world.mesh(positions[::8]).triangles
    gap = min(_distance(position, triangles) for position in positions[::4])
    assert gap > (0.2 if world.scene.indoor else 0.35)


def test_a_walk_is_repeatable_and_another_number_gives_another() -> None:
    world = World.from_seed(1, "train", "hills")
    one, again, other = (random_walk(world, 41, np.random.default_rng(seed)) for seed in (4, 4, 5))
    assert torch.equal(one.c2w, again.c2w)
    assert torch.equal(one.intrinsics, again.intrinsics)
    assert not torch.equal(one.c2w, other.c2w)


@pytest.mark.parametrize("style", STYLES)
def test_every_style_has_the_frames_and_the_lens_asked_for(style: str) -> None:
    path = random_walk(
        World.from_seed(2, "train", "desert"), 33, np.random.default_rng(1), height=64, width=96, style=style
    )
    assert path.c2w.shape == (33, 4, 4)
    fov = 2 * torch.rad2deg(torch.atan(48 / path.intrinsics[:, 0]))
    assert fov.min() > 54.9
    assert fov.max() < 85.1
    assert (path.intrinsics[:, 2:] == torch.tensor([48.0, 32.0])).all()


def test_out_and_back_ends_where_it_began() -> None:
    path = random_walk(
        World.from_seed(3, "train", "snow"), 41, np.random.default_rng(2), style="out_and_back"
    )
    assert torch.allclose(path.c2w[0], path.c2w[-1])


def test_still_stands_still() -> None:
    path = random_walk(World.from_seed(3, "train", "snow"), 17, np.random.default_rng(2), style="still")
    assert torch.equal(path.c2w[0, :3, 3].expand(17, 3), path.c2w[:, :3, 3])


def test_walks_begin_with_something_to_see() -> None:
    for seed in range(12):
        world = World.from_seed(seed, "train")
        first = random_walk(world, 9, np.random.default_rng(seed)).c2w[:1]
        look = glance(world.mesh(first[:, :3, 3]), world.light, first)
        assert look.contrast()[0] > DULL
        assert look.crowded()[0] < 0.3


@pytest.mark.parametrize("kind", KINDS)
def test_first_views_are_free_and_neither_dull_nor_filled_by_one_thing(kind: str) -> None:
    for seed in range(40, 43):
        world = World.from_seed(seed, "test", kind)
        start = world.start()[None]
        assert world.free(start[:, :3, 3]).all()
        assert glance(world.mesh(start[:, :3, 3]), world.light, start).clear().all()


def test_a_users_path_begins_with_the_worlds_first_view() -> None:
    world = World.from_seed(9, "test")
    path = random_walk(World.from_seed(1, "train", "hills"), 9, np.random.default_rng(0))
    moved: CameraPath = place(world, path)
    assert torch.allclose(moved.c2w[0].double(), world.start(), atol=1e-6)
    relative = torch.linalg.inv(path.c2w[:1].double()) @ path.c2w.double()
    assert torch.allclose(torch.linalg.inv(moved.c2w[:1].double()) @ moved.c2w.double(), relative, atol=1e-5)


def test_underground_and_inside_of_things_is_not_free() -> None:
    world = World.from_seed(2, "test", "street")
    inside_a_tower = torch.tensor([[12.4, -2.0, 17.2]])
    below = torch.tensor([[0.0, 1.0, 0.0]])
    above_the_road = torch.tensor([[0.0, -2.0, 0.0]])
    assert world.free(torch.cat([inside_a_tower, below, above_the_road])).tolist() == [False, False, True]


def _distance(point: Tensor, triangles: Tensor) -> float:
    """Metres from a point (3,) to the nearest of triangles (N, 3, 3), at most 1."""
    box = torch.maximum(triangles.amin(1) - point, point - triangles.amax(1)).clamp_min(0).norm(dim=-1)
    triangles = triangles[box < 1]
    if not len(triangles):
        return 1.0
    a, b, c = triangles.unbind(1)
    normal = torch.nn.functional.normalize(torch.linalg.cross(b - a, c - a), dim=1)
    height = ((point - a) * normal).sum(1)
    foot = point - height[:, None] * normal
    over, nearest = torch.ones(len(a), dtype=torch.bool), torch.ones(len(a))
    for u, v in ((a, b), (b, c), (c, a)):
        over &= (torch.linalg.cross(v - u, foot - u) * normal).sum(1) >= 0
        share = (((point - u) * (v - u)).sum(1) / (v - u).square().sum(1)).clamp(0, 1)
        nearest = torch.minimum(nearest, (point - u - share[:, None] * (v - u)).norm(dim=1))
    return float(torch.where(over, height.abs(), nearest).min())


def test_a_path_may_lead_through_trees_but_stays_above_the_ground() -> None:
    hits = 0
    for seed in range(12):
        world = World.from_seed(seed, "train", "wood")
        path = random_walk(world, 81, np.random.default_rng(seed), style="walk", through=True)
        places = path.positions
        assert (places[:, 1] < world.ground(places[:, 0], places[:, 2])).all()
        hits += not bool(world.free(places.float()).all())
    assert 2 <= hits < 12


def test_rooms_have_walls_for_every_path() -> None:
    world = World.from_seed(3, "train", "rooms")
    for seed in range(3):
        path = random_walk(world, 41, np.random.default_rng(seed), style="walk", through=True)
        assert bool(world.free(path.positions[::2].float()).all())
