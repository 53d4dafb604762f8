"""Keyframes: the path goes through them, smoothly, and bad ones are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from flythrough.camera.keyframes import catmull_rom, fly_keyframes, knots
from flythrough.camera.path import CameraPath
from flythrough.camera.pose import angle_deg, angles, check_poses
from flythrough.errors import InputError

WALK: list[dict[str, Any]] = [
    {"time": 0, "position": [0, 0, 0], "yaw": 0},
    {"time": 2, "position": [2, -1, 4], "yaw": 40, "pitch": 10, "fov_deg": 50},
    {"time": 3, "position": [3, -1, 9], "yaw": -20, "roll": 15},
    {"time": 5, "position": [3, -1, 9], "yaw": -20, "roll": 15},
    {"time": 6, "position": [0, 0, 12], "quaternion": [0, 1, 0, 0]},
]


def fly(keys: list[dict[str, Any]] = WALK, fps: float = 16) -> CameraPath:
    c2w, _ = fly_keyframes(keys, fps, 70, "walk.json")
    return CameraPath(c2w, torch.tensor([320.0, 320, 224, 128]), 256, 448, fps)


def test_the_path_goes_through_its_keyframes() -> None:
    path = fly()

    assert path.frames == 97
    for key in WALK[:-1]:
        here = path.c2w[int(key["time"] * 16)]
        assert_close(here[:3, 3], torch.tensor(key["position"]).double(), rtol=0, atol=1e-9)
        expected = torch.tensor([key.get(name, 0) for name in ("yaw", "pitch", "roll")]).double()
        assert_close(torch.rad2deg(angles(here)), expected, rtol=0, atol=1e-6)


def test_the_path_is_rigid_and_has_no_kinks() -> None:
    path = fly(fps=200)

    check_poses(path.c2w)
    velocity = (path.positions[1:] - path.positions[:-1]) * 200
    turning = angle_deg(path.c2w[:-1], path.c2w[1:]) * 200
    assert velocity.diff(dim=0).norm(dim=-1).max() < 0.02 * velocity.norm(dim=-1).max() + 0.2
    assert turning.diff().abs().max() < 0.03 * turning.max()


def test_two_equal_keyframes_make_a_pause() -> None:
    pause = fly().c2w[49:80]

    assert_close(pause, pause[:1].expand_as(pause), rtol=0, atol=1e-4)


def test_a_fixed_target_stays_centred() -> None:
    keys = [{"time": t, "position": [t, -t / 2, 0], "look_at": [1, 0, 8]} for t in (0, 1, 3)]
    path = fly(keys)

    away = torch.tensor([1.0, 0, 8]).double() - path.positions
    assert_close(path.c2w[:, :3, 2], away / away.norm(dim=-1, keepdim=True), rtol=0, atol=1e-9)
    assert path.c2w[:, 1, 0].abs().max() < 1e-12  # and the horizon level


def test_two_keyframes_are_a_straight_line_at_constant_speed() -> None:
    path = fly([{"time": 0, "position": [0, 0, 0]}, {"time": 1, "position": [0, 0, 4]}])

    assert_close(path.positions[:, 2], torch.linspace(0, 4, 17).double())


def test_easing_rests_on_both_sides_of_a_keyframe() -> None:
    keys: list[dict[str, Any]] = [{"time": t, "position": [0, 0, 2 * t]} for t in (0, 1, 2)]
    keys[1]["ease"] = "in"
    speed = fly(keys, fps=100).positions[:, 2].diff() * 100

    assert speed[99:101].max() < 0.1
    assert_close(float(speed[0]), 2.0, rtol=0.02, atol=0)


def test_the_curve_does_not_overshoot_close_keyframes() -> None:
    points = np.array([[0.0, 0, 0], [10, 0, 0], [10.1, 0, 0.1], [10.1, 0, 10]])
    curve = catmull_rom(points, np.linspace(0, knots(points)[-1], 400))

    assert curve[:, 0].max() < 10.3
    assert curve[:, 2].min() > -0.2


def test_a_keyframe_file_loads_as_a_path(tmp_path: Path) -> None:
    about = {"fps": 8, "width": 320, "height": 180, "fov_deg": 60, "keyframes": WALK}
    (tmp_path / "walk.json").write_text(json.dumps(about))

    path = CameraPath.load(tmp_path / "walk.json")

    assert (path.frames, path.width, path.height, path.fps) == (49, 320, 180, 8)
    assert_close(path.fov_deg[[0, 16, 48], 0], torch.tensor([60.0, 50, 60]).double())


def changed(**fields: Any) -> list[dict[str, Any]]:
    return [WALK[0], WALK[1] | fields, *WALK[2:]]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (WALK[:1], "at least two keyframes"),
        ({"a": 1}, "at least two keyframes"),
        ([1, 2], "keyframe 0 is not an object"),
        (changed(time=0), "keyframe 1 is at 0 s, not after keyframe 0"),
        (changed(position=[1, 2]), r"keyframe 1: position is \[1, 2\]; expected 3"),
        (changed(position=[1, 2, float("nan")]), "keyframe 1: position"),
        (changed(yaw="left"), "keyframe 1: yaw is left"),
        (changed(lookat=[1, 2, 3]), "keyframe 1 has an unknown field 'lookat'"),
        (changed(look_at=[1, 2, 3]), "keyframe 1 turns the camera in two ways .look_at and yaw"),
        (changed(ease="bounce"), "keyframe 1: ease is 'bounce'; there are linear, in, out"),
        ([WALK[0], {"time": 1, "position": [0, 0, 0], "quaternion": [0, 0, 0, 0]}], "quaternion is zero"),
        ([WALK[0], {"time": 1, "position": [0, 0, 1], "look_at": [0, 0, 1]}], "looks at its own position"),
        ([WALK[0], {"time": 1}], "keyframe 1 has no position"),
        ([WALK[0], {"time": 1e9, "position": [0, 0, 1]}], "the most is 3600"),
    ],
)
def test_a_bad_keyframe_is_named(keys: Any, words: str) -> None:
    with pytest.raises(InputError, match=r"walk\.json: .*" + words):
        fly_keyframes(keys, 16, 70, "walk.json")


def test_a_field_of_view_out_of_range_is_refused(tmp_path: Path) -> None:
    (tmp_path / "walk.json").write_text(json.dumps({"keyframes": changed(fov_deg=10)}))

    with pytest.raises(InputError, match=r"walk\.json: field of view of frame .* expected 25 to 120"):
        CameraPath.load(tmp_path / "walk.json")
