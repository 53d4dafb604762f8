"""Laws of rigid motion, and the refusals."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from flythrough.camera import pose as se3
from flythrough.errors import InputError

EXACT = {"rtol": 0.0, "atol": 1e-12}


def some_poses(frames: int = 6, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    angles = 2 * torch.randn(3, frames, generator=rng, dtype=torch.float64)
    return se3.pose(se3.rotation(*angles), 5 * torch.randn(frames, 3, generator=rng, dtype=torch.float64))


def test_a_pose_times_its_inverse_is_the_identity() -> None:
    c2w = some_poses()

    assert_close(c2w @ se3.invert(c2w), torch.eye(4).double().expand_as(c2w), **EXACT)


def test_the_inverse_of_a_product_is_the_product_of_inverses_backwards() -> None:
    a, b = some_poses(seed=1), some_poses(seed=2)

    assert_close(se3.invert(a @ b), se3.invert(b) @ se3.invert(a), **EXACT)


def test_relative_poses_do_not_depend_on_the_world() -> None:
    c2w, world = some_poses(), some_poses(1, seed=3)

    assert_close(se3.relative_to_first(world @ c2w), se3.relative_to_first(c2w), rtol=0, atol=1e-11)


def test_relative_to_first_starts_with_exactly_the_identity() -> None:
    assert torch.equal(se3.relative_to_first(some_poses())[0], torch.eye(4).double())


def test_there_and_back_is_home() -> None:
    c2w = some_poses()
    there, back = se3.relative_to(c2w[1], c2w[0]), se3.relative_to(c2w[0], c2w[1])

    assert_close(there @ back, torch.eye(4).double(), **EXACT)


def test_angles_give_the_rotation_back() -> None:
    yaw, pitch, roll = torch.tensor([[0.3, -2.0], [0.2, -1.1], [-0.5, 2.5]]).double()
    c2w = se3.pose(se3.rotation(yaw, pitch, roll), torch.zeros(2, 3).double())

    assert_close(se3.angles(c2w), torch.stack([yaw, pitch, roll], -1), **EXACT)


@pytest.mark.parametrize(
    ("turn", "axis", "expected"),
    [
        ((90, 0, 0), [0, 0, 1], [1, 0, 0]),  # yaw right: forward becomes the world's right
        ((0, 90, 0), [0, 0, 1], [0, -1, 0]),  # pitch up: forward becomes up, which is -y
        ((0, 0, 90), [1, 0, 0], [0, 1, 0]),  # roll clockwise: the right side sinks
    ],
)
def test_positive_angles_turn_right_up_and_clockwise(
    turn: tuple[float, ...], axis: list[float], expected: list[float]
) -> None:
    turned = se3.rotation(*(torch.tensor(math.radians(degrees), dtype=torch.float64) for degrees in turn))

    assert_close(turned @ torch.tensor(axis).double(), torch.tensor(expected).double(), **EXACT)


def test_look_at_centres_its_target_with_a_level_horizon() -> None:
    place, target = torch.tensor([[1.0, -2, 3]]).double(), torch.tensor([[-4.0, 1, 9]]).double()
    turned = se3.look_at(place, target)

    seen = turned[0].T @ (target - place)[0]
    assert_close(seen[:2], torch.zeros(2).double(), **EXACT)
    assert seen[2] > 0
    assert abs(turned[0, 1, 0]) < 1e-12  # the x axis is horizontal
    assert turned[0, 1, 1] > 0  # and down points down
    se3.check_poses(se3.pose(turned, place))


def test_small_angles_are_measured_exactly() -> None:
    zero, small = torch.tensor(0.0).double(), torch.tensor(1e-6).double()

    assert_close(
        se3.angle_deg(se3.rotation(zero, zero, zero), se3.rotation(small, zero, zero)),
        torch.rad2deg(small),
        rtol=1e-6,
        atol=0,
    )


def broken(frame: int, change: str) -> Tensor:
    c2w = some_poses()
    if change == "nan":
        c2w[frame, 0, 3] = math.nan
    elif change == "mirror":
        c2w[frame, :3, 0] *= -1
    elif change == "scale":
        c2w[frame, :3, :3] *= 1.02
    elif change == "transpose":
        c2w[frame] = c2w[frame].T.clone()
    return c2w


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("nan", "pose 4 contains NaN"),
        ("mirror", "pose 4 is mirrored .*-1.00.*Unity"),
        ("scale", "pose 4 is not a rotation .*1.020"),
        ("transpose", "pose 4 ends in the row .*transposed"),
    ],
)
def test_a_bad_pose_is_refused_by_number(change: str, words: str) -> None:
    with pytest.raises(InputError, match="walk.json: " + words):
        se3.check_poses(broken(4, change), "walk.json")


@pytest.mark.parametrize("shape", [(4, 4), (5, 3, 4), (2, 5, 4, 4)])
def test_a_wrong_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"expected \(F, 4, 4\)"):
        se3.check_poses(torch.zeros(shape))


def test_no_poses_at_all_are_refused() -> None:
    with pytest.raises(InputError, match="zero frames"):
        se3.check_poses(torch.zeros(0, 4, 4))


def test_poses_rounded_to_three_decimals_pass() -> None:
    se3.check_poses(some_poses().mul(1000).round().div(1000))
