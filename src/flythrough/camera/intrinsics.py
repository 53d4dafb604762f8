"""fx fy cx cy, (..., 4) in pixels, through field of view, resize, crop and the latent grid.

There is no half-pixel term anywhere: the optical axis of a W x H image is at (W / 2, H / 2), and resizing
multiplies all four numbers by the same factor per axis. Field of view is horizontal unless said otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from flythrough.errors import InputError

FOV_RANGE_DEG = (25.0, 120.0)


def from_fov(fov_deg: float | Tensor, height: int, width: int) -> Tensor:
    """Horizontal field of view in degrees, a number or (F,) -> intrinsics (4,) or (F, 4), square pixels."""
    fov = torch.as_tensor(fov_deg, dtype=torch.float64)
    if not ((fov > 0) & (fov < 180)).all():
        low, high = FOV_RANGE_DEG
        raise InputError(f"fov_deg is {_shown(fov)}; expected {low:g} to {high:g} degrees")
    focal = width / 2 / torch.tan(torch.deg2rad(fov) / 2)
    return torch.stack([focal, focal, torch.full_like(fov, width / 2), torch.full_like(fov, height / 2)], -1)


def fov_deg(intrinsics: Tensor, height: int, width: int) -> Tensor:
    """(..., 4) -> horizontal and vertical field of view (..., 2) in degrees."""
    size = intrinsics.new_tensor([width, height])
    return torch.rad2deg(2 * torch.atan(size / (2 * intrinsics[..., :2])))


def scaled(intrinsics: Tensor, rows: float, columns: float) -> Tensor:
    """Intrinsics (..., 4) of the same picture resized by these factors (1/32 each gives latent cells)."""
    return intrinsics * intrinsics.new_tensor([columns, rows, columns, rows])


@dataclass(frozen=True)
class Crop:
    """How a picture fills a frame of another shape: resized, then cut at the centre. (rows, columns)."""

    source: tuple[int, int]
    resized: tuple[int, int]
    offset: tuple[int, int]
    size: tuple[int, int]

    def intrinsics(self, intrinsics: Tensor) -> Tensor:
        """Intrinsics (..., 4) of the source picture -> those of the cropped one."""
        rows, columns = (new / old for new, old in zip(self.resized, self.source, strict=True))
        top, left = self.offset
        return scaled(intrinsics, rows, columns) - intrinsics.new_tensor([0, 0, left, top])


def centre_crop(source: tuple[int, int], height: int, width: int) -> Crop:
    """The resize and crop that fill height x width from a picture of `source` (rows, columns).

    Source: SANA-WM's first frame, pipeline of NVlabs/Sana (Python's round, ties to even).
    """
    factor = max(height / source[0], width / source[1])
    rows, columns = max(height, round(source[0] * factor)), max(width, round(source[1] * factor))
    return Crop(source, (rows, columns), ((rows - height) // 2, (columns - width) // 2), (height, width))


def expand(intrinsics: Tensor, frames: int, source: str = "intrinsics") -> Tensor:
    """(4,), (3, 3), (F', 4) or (F', 3, 3) -> (frames, 4). One is repeated, more are cut, fewer are stretched
    linearly over the same time; skew is ignored."""
    k = intrinsics.to(torch.float64)
    if k.shape == (3, 3) or (k.ndim == 3 and k.shape[1:] == (3, 3)):
        k = torch.stack([k[..., 0, 0], k[..., 1, 1], k[..., 0, 2], k[..., 1, 2]], -1)
    if k.shape == (4,):
        k = k[None]
    if k.ndim != 2 or k.shape[1] != 4 or len(k) == 0:
        raise InputError(
            f"{source}: intrinsics have shape {tuple(intrinsics.shape)}; "
            "expected (4,), (3, 3), (F, 4) or (F, 3, 3) with fx, fy, cx, cy in pixels"
        )
    if len(k) == 1:
        return k.expand(frames, 4).clone()
    if len(k) >= frames:
        return k[:frames].clone()
    return stretched(k, frames)


def stretched(values: Tensor, frames: int) -> Tensor:
    """(F, C) sampled linearly at `frames` moments, evenly from first to last."""
    at = torch.linspace(0, len(values) - 1, frames, dtype=values.dtype)
    low = at.floor().long().clamp(max=max(len(values) - 2, 0))
    high = (low + 1).clamp(max=len(values) - 1)
    return torch.lerp(values[low], values[high], (at - low)[:, None])


def check_fov(fov_deg: Tensor, source: str) -> None:
    """Raise InputError unless all horizontal fields of view (F,) are within 25 to 120 degrees."""
    low, high = FOV_RANGE_DEG
    outside = ((fov_deg < low) | (fov_deg > high)).nonzero()
    if len(outside):
        bad = int(outside[0, 0])
        raise InputError(
            f"{source}: field of view of frame {bad} is {float(fov_deg[bad]):.1f} degrees; "
            f"expected {low:g} to {high:g}"
        )


def check_intrinsics(intrinsics: Tensor, height: int, width: int, source: str = "camera path") -> None:
    """Raise InputError unless (F, 4) holds finite, positive focal lengths and a sane field of view.

    The field of view along the longer side of the picture must lie within 25 to 120 degrees.
    """
    if not intrinsics.isfinite().all():
        bad = int((~intrinsics.isfinite().all(-1)).nonzero()[0, 0])
        raise InputError(f"{source}: intrinsics of frame {bad} contain NaN or infinity")
    if not (intrinsics[:, :2] > 0).all():
        bad = int((intrinsics[:, :2] <= 0).any(-1).nonzero()[0, 0])
        fx, fy = intrinsics[bad, :2].tolist()
        raise InputError(f"{source}: focal lengths of frame {bad} are {fx:g}, {fy:g}; they must be positive")
    low, high = FOV_RANGE_DEG
    fov = fov_deg(intrinsics, height, width).amax(-1)
    outside = ((fov < low - 1e-6) | (fov > high + 1e-6)).nonzero()
    if len(outside):
        bad = int(outside[0, 0])
        focal = float(intrinsics[bad, 0])
        hint = (
            f"; fx is {focal:g}, so it may be a fraction instead of pixels"
            if focal < math.sqrt(width)
            else ""
        )
        raise InputError(
            f"{source}: field of view of frame {bad} is {float(fov[bad]):.1f} degrees; "
            f"expected {low:g} to {high:g}{hint}"
        )


def _shown(values: Tensor) -> str:
    return ", ".join(f"{x:g}" for x in values.reshape(-1)[:3].tolist())
