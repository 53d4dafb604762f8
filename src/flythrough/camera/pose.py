"""SE(3): rotations, inverse, relative poses, checks.

Poses are camera to world, c2w (..., 4, 4), in OpenCV axes: x right, y down, z forward, metres, right-handed.
The world is the same way round, so "up" is -y. Angles: positive yaw turns right, positive pitch looks up,
positive roll turns the camera clockwise (its right side sinks).
"""

from __future__ import annotations

import torch
from torch import Tensor

from flythrough.errors import InputError

ROTATION_TOLERANCE = 5e-3  # poses rounded to three decimals pass, a scale of one per cent does not


def rotation(yaw: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:
    """Ry(yaw) Rx(pitch) Rz(roll), angles (...) in radians -> (..., 3, 3)."""
    yaw, pitch, roll = torch.broadcast_tensors(yaw, pitch, roll)
    sy, cy, sp, cp, sr, cr = yaw.sin(), yaw.cos(), pitch.sin(), pitch.cos(), roll.sin(), roll.cos()
    rows = [
        torch.stack([cy * cr + sy * sp * sr, -cy * sr + sy * sp * cr, sy * cp], -1),
        torch.stack([cp * sr, cp * cr, -sp], -1),
        torch.stack([-sy * cr + cy * sp * sr, sy * sr + cy * sp * cr, cy * cp], -1),
    ]
    return torch.stack(rows, -2)


def pose(rotation: Tensor, position: Tensor) -> Tensor:
    """(..., 3, 3) and (..., 3) -> c2w (..., 4, 4)."""
    c2w = torch.zeros(*rotation.shape[:-2], 4, 4, dtype=rotation.dtype, device=rotation.device)
    c2w[..., :3, :3] = rotation
    c2w[..., :3, 3] = position
    c2w[..., 3, 3] = 1
    return c2w


def invert(c2w: Tensor) -> Tensor:
    """The rigid inverse [R^T, -R^T t] of (..., 4, 4)."""
    turned = c2w[..., :3, :3].transpose(-1, -2)
    return pose(turned, -(turned @ c2w[..., :3, 3:]).squeeze(-1))


def relative_to(c2w: Tensor, anchor: Tensor) -> Tensor:
    """Poses (..., 4, 4) as the camera `anchor` (..., 4, 4) sees them: inverse(anchor) @ c2w."""
    return invert(anchor) @ c2w


def relative_to_first(c2w: Tensor) -> Tensor:
    """Poses (..., F, 4, 4) relative to frame 0, which becomes exactly the identity."""
    relative = relative_to(c2w, c2w[..., :1, :, :])
    relative[..., 0, :, :] = torch.eye(4, dtype=c2w.dtype, device=c2w.device)
    return relative


def look_at(position: Tensor, target: Tensor, up: Tensor | None = None) -> Tensor:
    """Rotations (..., 3, 3) of cameras at `position` (..., 3) that look at `target` (..., 3).

    `up` (3,) is the world's upward direction, by default (0, -1, 0). Looking straight along it has no
    heading: the camera then keeps its x axis along the world's.
    """
    up = position.new_tensor([0.0, -1.0, 0.0]) if up is None else up.to(position)
    forward = torch.nn.functional.normalize(target - position, dim=-1, eps=1e-12)
    right = torch.linalg.cross(forward, up.expand_as(forward))
    level = right.norm(dim=-1, keepdim=True) > 1e-6
    right = torch.where(level, right, right.new_tensor([1.0, 0.0, 0.0]).expand_as(right))
    right = right - (right * forward).sum(-1, keepdim=True) * forward
    right = torch.nn.functional.normalize(right, dim=-1, eps=1e-12)
    return torch.stack([right, torch.linalg.cross(forward, right), forward], -1)


def angle_deg(a: Tensor, b: Tensor) -> Tensor:
    """The angle in degrees of the turn from rotation a to b, (..., 3, 3) or (..., 4, 4) -> (...).

    From the chord |a - b| = 2 sqrt(2) sin(angle / 2), which stays exact for small turns.
    """
    chord = (a[..., :3, :3] - b[..., :3, :3]).flatten(-2).norm(dim=-1)
    return torch.rad2deg(2 * torch.asin((chord / 8**0.5).clamp(max=1)))


def angles(c2w: Tensor) -> Tensor:
    """Yaw, pitch and roll (..., 3) in radians, so that `rotation(*angles)` gives the rotation back."""
    forward, down_of_right, down_of_down = c2w[..., :3, 2], c2w[..., 1, 0], c2w[..., 1, 1]
    pitch = torch.atan2(-forward[..., 1], (down_of_right**2 + down_of_down**2).sqrt())
    return torch.stack(
        [torch.atan2(forward[..., 0], forward[..., 2]), pitch, torch.atan2(down_of_right, down_of_down)], -1
    )


def check_poses(c2w: Tensor, source: str = "camera path") -> None:
    """Raise InputError unless c2w is (F, 4, 4), finite, rigid and right-handed. Poses count from 0."""
    if c2w.ndim and len(c2w) == 0:
        raise InputError(f"{source}: it has zero frames; a path needs at least one pose")
    if c2w.ndim != 3 or c2w.shape[1:] != (4, 4):
        raise InputError(f"{source}: poses have shape {tuple(c2w.shape)}; expected (F, 4, 4) camera to world")
    if (bad := _first(~c2w.isfinite().all(-1).all(-1))) is not None:
        raise InputError(f"{source}: pose {bad} contains NaN or infinity; every number must be finite")
    last_row = c2w.new_tensor([0.0, 0.0, 0.0, 1.0])
    if (bad := _first((c2w[:, 3] - last_row).abs().amax(-1) > 1e-4)) is not None:
        shown = ", ".join(f"{x:g}" for x in c2w[bad, 3].tolist())
        raise InputError(
            f"{source}: pose {bad} ends in the row ({shown}), expected (0, 0, 0, 1); "
            "positions belong in the last column, so the matrices may be transposed"
        )
    turned = c2w[:, :3, :3]
    error = (turned.transpose(1, 2) @ turned - torch.eye(3, dtype=c2w.dtype)).abs().amax((1, 2))
    if (bad := _first(error > ROTATION_TOLERANCE)) is not None:
        lengths = ", ".join(f"{x:.3f}" for x in turned[bad].norm(dim=0).tolist())
        raise InputError(
            f"{source}: pose {bad} is not a rotation (its axes have lengths {lengths} and are off "
            f"orthonormal by {error[bad]:.3f}); remove scale and shear"
        )
    determinant = torch.linalg.det(turned)
    if (bad := _first(determinant < 0)) is not None:
        raise InputError(
            f"{source}: pose {bad} is mirrored (determinant {determinant[bad]:.2f}, expected 1.00); Unity "
            "and Unreal are left-handed: flip one axis on both sides, S @ c2w @ S with S = diag(1, -1, 1, 1)"
        )


def _first(bad: Tensor) -> int | None:
    found = bad.nonzero()
    return int(found[0, 0]) if len(found) else None
