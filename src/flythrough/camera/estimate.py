"""A lens from a picture alone, by Pi3X, for those who have it: its package and its weights are never fetched here.

Source: the preparation and recovery that SANA-WM's scripts do around Pi3X (NVlabs/Sana).
"""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from flythrough.camera.intrinsics import check_intrinsics
from flythrough.errors import InputError

PIXELS = 255_000  # at most, of the picture that the estimator sees
CELL = 14  # its sides are multiples of this


def estimate(picture: Any, folder: Path, device: torch.device) -> Tensor:
    """Intrinsics (4,) fx fy cx cy in pixels of a picture (H, W, 3) uint8, float64.

    folder: Pi3X's weights, as its authors publish them. Raises InputError when the package `pi3` or the folder is
    missing, or when what it sees is no lens from 25 to 120 degrees.
    """
    if find_spec("pi3") is None:
        raise InputError(
            "the estimator needs the package pi3, which is not installed; give --fov or --intrinsics"
        )
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; it must hold the estimator's weights")
    from pi3.models.pi3x import Pi3X  # pyrefly: ignore[missing-import]
    from PIL import Image

    height, width = picture.shape[:2]
    rows, columns = seen_size(height, width)
    small = Image.fromarray(picture).resize((columns, rows), Image.Resampling.LANCZOS)
    values = torch.frombuffer(bytearray(small.tobytes()), dtype=torch.uint8).view(1, 1, rows, columns, 3)
    model = Pi3X.from_pretrained(str(folder), local_files_only=True).to(device).eval()
    model.disable_multimodal()
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        points = model((values.to(device) / 255).permute(0, 1, 4, 2, 3))["local_points"][0, 0].double().cpu()
    k = from_points(points)
    k = k * torch.tensor([width / columns, height / rows] * 2, dtype=torch.float64)
    check_intrinsics(k[None], height, width, "the estimated lens")
    return k


def seen_size(height: int, width: int) -> tuple[int, int]:
    """(rows, columns) of the picture that the estimator sees: multiples of 14, of its shape, at most PIXELS in all."""
    scale = math.sqrt(PIXELS / (width * height))
    across, down = (max(1, round(side * scale / CELL)) for side in (width, height))
    while CELL * across * CELL * down > PIXELS:
        if across / down > width / height:
            across -= 1
        else:
            down -= 1
    return CELL * down, CELL * across


def from_points(points: Tensor) -> Tensor:
    """The pinhole lens (4,) whose centre is the picture's that fits points (H, W, 3) seen by its pixels best.

    A point's direction gives x / z = (u - cx) / fx at pixel u; fx is the least-squares fit over all pixels.
    """
    rows, columns = points.shape[:2]
    ahead = points[..., 2] > 1e-6
    if not bool(ahead.any()):
        raise InputError("the estimator sees nothing in front of the camera; give --fov or --intrinsics")
    u = torch.arange(columns, dtype=points.dtype) + 0.5 - columns / 2
    v = torch.arange(rows, dtype=points.dtype)[:, None] + 0.5 - rows / 2
    slope = points[..., :2] / points[..., 2:].clamp(min=1e-6)
    focal = []
    for offset, tangent in (
        (u.expand(rows, columns), slope[..., 0]),
        (v.expand(rows, columns), slope[..., 1]),
    ):
        offset, tangent = offset[ahead], tangent[ahead]
        focal.append((offset * tangent).sum() / tangent.square().sum().clamp(min=1e-12))
    return torch.stack([*focal, points.new_tensor(columns / 2), points.new_tensor(rows / 2)])
