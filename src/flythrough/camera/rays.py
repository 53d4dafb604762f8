"""What the model is told about the camera: pose vectors, Plücker maps and one frame of reference per ray.

All results are float32 and on the device of the inputs. Products are written as multiply and add, so that
neither autocast nor TF32 can round them: bf16 rotations are off by 0.2 degrees, more than a pixel.
Rays pass through integer cells, without a half-cell shift. Source: SANA-WM (arXiv 2605.15178), UCPE.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

EPS = 1e-6


def raymap(c2w: Tensor, intrinsics: Tensor, stride: int = 8) -> Tensor:
    """The pose vector of every latent frame: 16 numbers of c2w, row by row, then fx fy cx cy.

    c2w         (..., F, 4, 4) relative to the first frame
    intrinsics  (..., F, 4) in latent cells
    Returns (..., T, 20), taken at the pixel frames 0, stride, 2 stride, ...
    """
    poses, lenses = c2w[..., ::stride, :, :].flatten(-2), intrinsics[..., ::stride, :]
    return torch.cat([poses, lenses.to(poses.dtype)], -1).float()


def plucker(c2w: Tensor, intrinsics: Tensor, height: int, width: int, stride: int = 8) -> Tensor:
    """Plücker maps of all pixel frames, packed by latent frame; arguments as for `raymap`.

    Returns (..., 6 stride, T, height, width), height and width in latent cells.
    """
    at = window_frames(c2w.shape[-3], stride).to(c2w.device)  # (T, stride)
    return plucker_windows(c2w[..., at, :, :], intrinsics[..., at, :], height, width)


def plucker_windows(c2w: Tensor, intrinsics: Tensor, height: int, width: int) -> Tensor:
    """Plücker maps of windows of N frames: (..., T, N, 4, 4), (..., T, N, 4) -> (..., 6 N, T, H, W)."""
    rays = plucker_rays(c2w, intrinsics, height, width)  # (..., T, N, 6, H, W)
    return rays.flatten(-4, -3).movedim(-4, -3)  # channel = 6 frame + component


def plucker_rays(c2w: Tensor, intrinsics: Tensor, height: int, width: int) -> Tensor:
    """Unit direction d and moment p x d of every ray: (..., 4, 4), (..., 4) -> (..., 6, height, width)."""
    c2w = c2w.float()
    direction = ray_directions(c2w, intrinsics, height, width)  # (..., H, W, 3)
    position = c2w[..., None, None, :3, 3].expand_as(direction)
    moment = torch.linalg.cross(position, direction)
    return torch.cat([direction, moment], -1).movedim(-1, -3)


def ray_directions(c2w: Tensor, intrinsics: Tensor, height: int, width: int) -> Tensor:
    """Unit rays in the world's axes: (..., 4, 4), (..., 4) -> (..., height, width, 3) float32."""
    c2w, k = c2w.float(), intrinsics.float()[..., None, None, :]
    y = torch.arange(height, dtype=torch.float32, device=c2w.device)[:, None]
    x = torch.arange(width, dtype=torch.float32, device=c2w.device)
    right, down = torch.broadcast_tensors((x - k[..., 2]) / k[..., 0], (y - k[..., 3]) / k[..., 1])
    r = c2w[..., None, None, :3, :3]
    turned = right[..., None] * r[..., 0] + down[..., None] * r[..., 1] + r[..., 2]
    return normalize(turned, dim=-1, eps=EPS)


def ray_matrices(camera: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """A frame of reference for every ray, its z axis along the ray (UCPE).

    camera  (..., T, 20) of `raymap`
    Returns P, world to ray, and its inverse, each (..., T, height, width, 4, 4); P P' is rigid, so that
    attention between two rays depends on their relative pose alone. A ray that is not a number gets the
    identity.
    """
    camera = camera.float()
    c2w, k = camera[..., :16].unflatten(-1, (4, 4)), camera[..., 16:]
    z = ray_directions(c2w, k, height, width)
    down = c2w[..., None, None, :3, 1].expand_as(z)
    x = normalize(torch.linalg.cross(down, z), dim=-1, eps=EPS)
    y = normalize(torch.linalg.cross(z, x), dim=-1, eps=EPS)
    position = c2w[..., None, None, :3, 3]

    rows = torch.stack([x, y, z], -2)
    shift = -(rows * position.unsqueeze(-2)).sum(-1)
    whole = torch.cat([rows, shift.unsqueeze(-1)], -1)
    inverse = torch.cat([rows.transpose(-1, -2), position.expand_as(z).unsqueeze(-1)], -1)

    last = whole.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*whole.shape[:-2], 1, 4)
    whole, inverse = torch.cat([whole, last], -2), torch.cat([inverse, last], -2)
    bad = whole.isnan().flatten(-2).any(-1)[..., None, None]
    eye = torch.eye(4, dtype=whole.dtype, device=whole.device)
    return torch.where(bad, eye, whole), torch.where(bad, eye, inverse)


def window_frames(frames: int, stride: int = 8) -> Tensor:
    """Which pixel frames each latent frame's Plücker window holds: (T, stride).

    Latent frame j takes the `stride` frames that end at its anchor, stride j; latent frame 0 takes the first
    ones of the clip, its future. A clip shorter than a window repeats its last frame.
    """
    anchors = torch.arange(0, frames, stride)
    starts = (anchors - stride + 1).clamp(min=0)
    return (starts[:, None] + torch.arange(stride)).clamp(max=frames - 1)
