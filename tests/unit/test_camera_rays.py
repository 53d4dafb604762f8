"""Laws of Plücker maps and ray matrices."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from flythrough.camera import rays
from flythrough.camera.pose import invert, pose, relative_to_first, rotation

H, W = 4, 7
LENS = torch.tensor([6.0, 6.0, 3.5, 2.0]).double()


def flight(frames: int, batch: tuple[int, ...] = ()) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    angles = 0.4 * torch.randn(3, *batch, frames, generator=rng, dtype=torch.float64)
    places = torch.randn(*batch, frames, 3, generator=rng, dtype=torch.float64)
    return relative_to_first(pose(rotation(*angles), places))


def test_a_still_camera_has_no_moment_and_the_same_rays_in_every_frame() -> None:
    still = torch.eye(4).double().expand(17, 4, 4)

    maps = rays.plucker(still, LENS.expand(17, 4), H, W).unflatten(0, (8, 6))  # (8, 6, T, H, W)

    assert_close(maps[:, 3:], torch.zeros_like(maps[:, 3:]))
    assert_close(maps, maps[:1, :, :1].expand_as(maps))
    assert_close(maps[0, :3, 0].norm(dim=0), torch.ones(H, W))
    assert_close(maps[0, :3, 0, 2, 3], torch.nn.functional.normalize(torch.tensor([-0.5 / 6, 0, 1]), dim=0))


def test_the_moment_is_the_same_anywhere_along_a_ray() -> None:
    c2w, k = flight(1), LENS[None]
    line = rays.plucker_rays(c2w, k, H, W)[0].movedim(0, -1).double()  # (H, W, 6)
    further = c2w[0, :3, 3] + 3 * line[..., :3]

    assert_close(torch.linalg.cross(further, line[..., :3]), line[..., 3:], rtol=0, atol=1e-5)


def test_windows_end_at_their_anchor_and_the_first_looks_ahead() -> None:
    windows = rays.window_frames(17)

    assert windows.tolist() == [list(range(8)), list(range(1, 9)), list(range(9, 17))]
    assert rays.window_frames(1).tolist() == [[0] * 8]


def test_one_frame_and_many_give_the_same_maps_for_the_frames_they_share() -> None:
    c2w, k = flight(25), LENS.expand(25, 4)

    short, long = rays.plucker(c2w[:17], k[:17], H, W), rays.plucker(c2w, k, H, W)

    assert torch.equal(short, long[:, :3])


def test_a_batch_equals_its_items() -> None:
    c2w, k = flight(9, (3,)), LENS.expand(3, 9, 4)

    camera, maps = rays.raymap(c2w, k), rays.plucker(c2w, k, H, W)
    matrices, inverses = rays.ray_matrices(camera, H, W)

    assert camera.shape == (3, 2, 20)
    assert maps.shape == (3, 48, 2, H, W)
    for i in range(3):
        assert torch.equal(maps[i], rays.plucker(c2w[i], k[i], H, W))
        assert_close(matrices[i], rays.ray_matrices(camera[i], H, W)[0], rtol=0, atol=1e-6)
        assert_close(inverses[i], rays.ray_matrices(camera[i], H, W)[1], rtol=0, atol=1e-6)


def test_ray_matrices_are_rigid_and_come_with_their_inverse() -> None:
    matrices, inverses = rays.ray_matrices(rays.raymap(flight(9), LENS.expand(9, 4)), H, W)
    eye = torch.eye(4).expand_as(matrices)

    assert_close(matrices @ inverses, eye, rtol=0, atol=1e-5)
    assert_close(matrices[..., :3, :3] @ matrices[..., :3, :3].mT, eye[..., :3, :3], rtol=0, atol=1e-5)
    assert_close(torch.linalg.det(matrices), torch.ones(2, H, W), rtol=0, atol=1e-5)
    assert_close(inverses, invert(matrices), rtol=0, atol=1e-5)


def test_a_ray_is_the_z_axis_of_its_own_frame() -> None:
    camera = rays.raymap(flight(9), LENS.expand(9, 4))
    matrices, _ = rays.ray_matrices(camera, H, W)
    directions = rays.ray_directions(camera[:, :16].view(-1, 4, 4), camera[:, 16:], H, W)

    seen = torch.einsum("thwij,thwj->thwi", matrices[..., :3, :3], directions)

    assert_close(seen, torch.tensor([0.0, 0, 1]).expand_as(seen), rtol=0, atol=1e-5)


def test_relative_ray_frames_do_not_depend_on_the_world() -> None:
    c2w, k = flight(9), LENS.expand(9, 4)
    moved = (
        pose(rotation(*torch.tensor([1.0, 0.3, -0.2]).double()), torch.tensor([3.0, -1, 2]).double()) @ c2w
    )

    def relative(poses: Tensor) -> Tensor:
        matrices, inverses = rays.ray_matrices(rays.raymap(poses, k), H, W)
        return matrices[0, 1, 2] @ inverses[1, 3, 4]

    assert_close(relative(moved), relative(c2w), rtol=0, atol=1e-5)


def test_a_ray_that_is_not_a_number_gets_the_identity() -> None:
    camera = rays.raymap(flight(9), LENS.expand(9, 4))
    camera[1, 16] = torch.nan

    for matrices in rays.ray_matrices(camera, H, W):
        assert torch.equal(matrices[1], torch.eye(4).expand(H, W, 4, 4))
        assert not matrices.isnan().any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rays_are_float32_even_under_autocast(dtype: torch.dtype) -> None:
    c2w, k = flight(9).to(dtype), LENS.expand(9, 4).to(dtype)
    plain = rays.plucker(c2w, k, H, W), *rays.ray_matrices(rays.raymap(c2w, k), H, W)

    with torch.autocast("cpu", torch.bfloat16):
        rounded = rays.plucker(c2w, k, H, W), *rays.ray_matrices(rays.raymap(c2w, k), H, W)

    for a, b in zip(plain, rounded, strict=True):
        assert a.dtype == b.dtype == torch.float32
        assert torch.equal(a, b)
