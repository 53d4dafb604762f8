"""What the model is told of a camera does not depend on where in the world, or how late, a flight is."""

from __future__ import annotations

import torch
from torch import Tensor

from flythrough.camera.path import CameraPath
from flythrough.conditioning import CameraEncoding, encode_camera

RELATIVE = CameraEncoding(translation_scale=0.1, relative_plucker=True, plucker_gain=4.0)


def path(text: str, frames: int = 33) -> tuple[Tensor, Tensor]:
    walk = CameraPath.parse(text, frames=frames, height=64, width=96)
    return walk.c2w, walk.intrinsics


def test_the_whole_world_may_be_turned_and_moved() -> None:
    c2w, intrinsics = path("orbit")
    world = torch.eye(4, dtype=torch.float64)
    world[:3, :3] = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64)).Q
    world[:3, :3] *= world[:3, :3].det()
    world[:3, 3] = torch.tensor([300.0, -20.0, 1000.0])
    for encoding in (CameraEncoding(), RELATIVE):
        here, there = (encode_camera(c, intrinsics, 64, 96, encoding) for c in (c2w, world @ c2w))
        for a, b in zip(here, there, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-5)


def test_a_camera_that_stays_has_no_differences_and_one_that_moves_evenly_has_the_same_ones() -> None:
    still = encode_camera(*path("none-32"), 64, 96, RELATIVE)[1]
    assert still.abs().max() < 1e-6

    c2w, intrinsics = path("dolly")
    step = torch.eye(4, dtype=torch.float64)
    step[2, 3] = 0.3
    c2w = torch.stack([torch.linalg.matrix_power(step, n) for n in range(33)])
    steady = encode_camera(c2w, intrinsics, 64, 96, RELATIVE)[1]
    torch.testing.assert_close(steady[:, 1], steady[:, 4], rtol=0, atol=1e-5)
    assert steady[:, 1].abs().max() > 0.1


def test_a_zoom_shows_even_where_the_camera_stays() -> None:
    c2w, intrinsics = path("none-32")
    intrinsics = intrinsics.clone()
    intrinsics[:, :2] *= torch.linspace(1, 1.5, len(intrinsics))[:, None]
    assert encode_camera(c2w, intrinsics, 64, 96, RELATIVE)[1][:, 2].abs().max() > 1e-2
