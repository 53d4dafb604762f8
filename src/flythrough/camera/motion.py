"""How fast a path is, and whether that is more than a model has seen."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from flythrough.camera.path import CameraPath
from flythrough.camera.pose import angle_deg


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a model can follow. The defaults are the range of mini's training paths."""

    metres_per_s: float = 6.0
    degrees_per_s: float = 50.0
    fov_deg: tuple[float, float] = (50.0, 90.0)
    jump: float = 8.0  # times the path's median speed


def speeds(path: CameraPath) -> tuple[Tensor, Tensor]:
    """Metres a second and degrees a second between neighbouring frames, (F - 1,) each."""
    metres = (path.positions[1:] - path.positions[:-1]).norm(dim=-1)
    return metres * path.fps, angle_deg(path.c2w[:-1], path.c2w[1:]) * path.fps


def warnings(path: CameraPath, limits: Limits | None = None) -> list[str]:
    """One sentence for everything about a valid path that a model is likely to get wrong."""
    limits = limits or Limits()
    found = []
    if path.frames > 1:
        for value, most, unit, word in zip(
            speeds(path),
            (limits.metres_per_s, limits.degrees_per_s),
            ("m/s", "degrees/s"),
            ("moves", "turns"),
            strict=True,
        ):
            if value.max() > most:
                at = int(value.argmax())
                found.append(
                    f"the camera {word} at {float(value[at]):.1f} {unit} at {at / path.fps:.1f} s; "
                    f"the model has seen up to {most:g}"
                )
            middle = float(value.median())
            if middle > 0 and value.max() > max(limits.jump * middle, most):
                found.append(
                    f"the path jumps between frames {int(value.argmax())} and {int(value.argmax()) + 1}"
                )
    low, high = limits.fov_deg
    fov = path.fov_deg[:, 0]
    if fov.min() < low or fov.max() > high:
        worst = float(fov.min() if fov.min() < low else fov.max())
        found.append(f"the field of view is {worst:.0f} degrees; the model has seen {low:g} to {high:g}")
    centre = torch.tensor([path.width / 2, path.height / 2], dtype=torch.float64)
    off = ((path.intrinsics[:, 2:] - centre).abs() / centre).max()
    if off > 0.1:
        found.append("the optical axis is off the picture's centre, which the model has not seen")
    return found
