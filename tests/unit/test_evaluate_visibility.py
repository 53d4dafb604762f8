"""Which pixels the first frame shows, where it can be worked out by hand: a wall, and a board before it."""

from __future__ import annotations

import torch
from torch import Tensor

from flythrough.camera.intrinsics import from_fov
from flythrough.evaluate.visibility import seen_in_first

HEIGHT, WIDTH = 40, 80
LENS = from_fov(90.0, HEIGHT, WIDTH)  # half a picture's width is as wide as the distance


def moved(x: float = 0.0, z: float = 0.0) -> Tensor:
    c2w = torch.eye(4, dtype=torch.float64)
    c2w[0, 3], c2w[2, 3] = x, z
    return c2w


def seen(depth: Tensor, c2w: Tensor, first: Tensor) -> Tensor:
    return seen_in_first(depth[None], c2w[None], LENS[None], first, torch.eye(4).double(), LENS)[0]


def test_a_still_camera_sees_it_all() -> None:
    depth = torch.full((HEIGHT, WIDTH), 4.0)
    depth[:10] = torch.inf

    assert seen(depth, moved(), depth).all()


def test_a_step_to_the_right_shows_a_new_strip_of_the_wall() -> None:
    depth = torch.full((HEIGHT, WIDTH), 4.0)  # 8 m of the wall are seen, 10 pixels a metre

    mask = seen(depth, moved(x=1.0), depth)

    assert mask[:, :69].all()
    assert not mask[:, 70:].any()


def test_a_step_ahead_shows_nothing_new() -> None:
    first = torch.full((HEIGHT, WIDTH), 4.0)

    assert seen(first - 1, moved(z=1.0), first).all()


def test_what_a_board_hid_is_new() -> None:
    first = torch.full((HEIGHT, WIDTH), 4.0)
    first[:, 30:50] = 1.0  # a board half a metre wide, a metre ahead
    after = torch.full((HEIGHT, WIDTH), 4.0)
    after[:, 10:30] = 1.0  # seen from half a metre to the right it has moved by 20 pixels, the wall by 5

    mask = seen(after, moved(x=0.5), first)

    assert mask[:, 11:29].all()  # the board itself
    assert not mask[:, 31:44].any()  # the wall that it hid: columns 30 to 50, moved
    assert mask[:, :9].all()
    assert mask[:, 46:74].all()


def test_the_sky_is_seen_wherever_it_was_sky() -> None:
    first = torch.full((HEIGHT, WIDTH), torch.inf)
    first[20:] = 4.0
    after = torch.full((HEIGHT, WIDTH), torch.inf)

    mask = seen(after, moved(x=3.0), first)

    assert mask[:19].all()
    assert not mask[21:].any()


def test_behind_the_first_camera_is_not_seen() -> None:
    depth = torch.full((HEIGHT, WIDTH), 1.0)

    assert not seen(depth, moved(z=-3.0), torch.full((HEIGHT, WIDTH), 4.0)).any()
