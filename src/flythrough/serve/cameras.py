"""A request's camera, flown: one definition for jobs, the studio's preview and live flights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from flythrough.camera.files import names_file
from flythrough.camera.intrinsics import FOV_RANGE_DEG
from flythrough.camera.keys import Dialect, named, segments
from flythrough.camera.motion import Limits, speeds
from flythrough.camera.path import FOV_DEG, FPS, CameraPath
from flythrough.camera.presets import PRESETS
from flythrough.errors import InputError
from flythrough.presets import Preset
from flythrough.serve.schema import (
    Camera,
    CameraPoses,
    CameraPreset,
    KeyframePath,
    Parameter,
    Resolved,
    Warning,
    camera_dict,
)

UNITS = {
    "metres": "m",
    "radius": "m",
    "to": "m",
    "rise": "m",
    "degrees": "degrees",
    "ease": "share",
    "seed": "seed",
}
ENDS = {
    "metres": (-50.0, 50.0),
    "degrees": (-1080.0, 1080.0),
    "radius": (0.5, 100.0),
    "to": (0.5, 100.0),
    "rise": (-20.0, 20.0),
    "ease": (0.0, 0.5),
    "shake": (0.0, 5.0),
    "seed": (0.0, 9999.0),
}


def fly(
    camera: Camera,
    *,
    keys: str | Dialect = "flythrough",
    frames: int | None = None,
    fov_deg: float | None = None,
    height: int,
    width: int,
    fps: float | None = None,
    most: int,
    lens: Sequence[float] | None = None,
) -> CameraPath:
    """The path of a request for a picture of height x width. Opens nothing: a file's name is refused.

    most  frames; more are refused before any is flown
    lens  fx fy cx cy in pixels of height x width, where no fov_deg was given and the picture tells
    Raises InputError.
    """
    fov = FOV_DEG if fov_deg is None else fov_deg
    if not FOV_RANGE_DEG[0] <= fov <= FOV_RANGE_DEG[1]:
        raise InputError(f"fov_deg is {fov:g}; expected {FOV_RANGE_DEG[0]:g} to {FOV_RANGE_DEG[1]:g} degrees")
    known = None if lens is None or fov_deg is not None else torch.tensor(lens, dtype=torch.float64)
    if isinstance(camera, str):
        if names_file(camera):
            raise InputError(
                "camera names a file, and a server opens none; send what is in it, or keys or a preset"
            )
        _check_count(_asked(camera, keys, frames), most)
        return CameraPath.parse(
            camera,
            frames=frames,
            height=height,
            width=width,
            fov_deg=fov,
            keys=keys,
            fps=FPS if fps is None else fps,
            intrinsics=known,
        )
    given = camera_dict(camera)
    if fps is not None:
        given["fps"] = fps
    if isinstance(camera, KeyframePath):
        last, first = camera.keyframes[-1].time, camera.keyframes[0].time
        _check_count(
            min((last - first) * given["fps"] + 1, 1e9), most if frames is None else max(most, frames)
        )
        known = None  # keyframes have a field of view of their own
    else:
        _check_count(len(camera.c2w), most)
        known = None if camera.intrinsics is not None else known
    path = CameraPath.from_dict(
        given, "camera", fov_deg=fov, height=height, width=width, intrinsics=known
    ).take(slice(frames))
    _check_count(path.frames, most)
    return path.fitted(height, width)


def dialect(
    keys: str, metres_per_frame: float | None, degrees_per_frame: float | None, pitch_limit_deg: float | None
) -> Dialect:
    """A dialect by its name, with the speeds that other servers let a request choose. Raises InputError."""
    found = named(keys)
    for name, value, most in (
        ("translation_speed", metres_per_frame, 10.0),
        ("rotation_speed_deg", degrees_per_frame, 90.0),
        ("pitch_limit_deg", pitch_limit_deg, 89.0),
    ):
        if value is not None and not 0 <= value <= most:
            raise InputError(f"{name} is {value:g}; expected 0 to {most:g}")
    return replace(
        found,
        metres_per_s=found.metres_per_s if metres_per_frame is None else metres_per_frame * 16,
        degrees_per_s=found.degrees_per_s if degrees_per_frame is None else degrees_per_frame * 16,
        pitch_limit_deg=found.pitch_limit_deg if pitch_limit_deg is None else pitch_limit_deg,
    )


def poses(path: CameraPath) -> CameraPoses:
    """A path as it goes over the wire."""
    return CameraPoses.model_construct(
        c2w=path.c2w.tolist(),
        intrinsics=path.intrinsics.tolist(),
        width=path.width,
        height=path.height,
        fps=path.fps,
    )


def resolved(path: CameraPath, every: int, limits: Limits | None = None) -> Resolved:
    """A path, thinned, with speeds and warnings at full rate."""
    at = sorted({*range(0, path.frames, every), path.frames - 1})
    metres, degrees = (torch.cat([s, s[-1:]]) if len(s) else torch.zeros(1) for s in speeds(path))
    some = replace_frames(path, at)
    return Resolved.model_construct(
        **dict(poses(some)),
        frames=path.frames,
        at=at,
        speed=metres[at].tolist(),
        turn=degrees[at].tolist(),
        fov_deg=path.fov_deg[at, 0].tolist(),
        warnings=warnings(path, metres, degrees, limits or Limits()),
    )


def replace_frames(path: CameraPath, at: list[int]) -> CameraPath:
    """Some frames of a path."""
    return path if len(at) == path.frames else path.take(at)  # pyrefly: ignore[bad-argument-type]


def warnings(path: CameraPath, metres: torch.Tensor, degrees: torch.Tensor, limits: Limits) -> list[Warning]:
    """Where the path is more than the model has seen, at the worst frame of each kind."""
    found = []

    def note(axis: Any, frame: int, message: str) -> None:
        found.append(Warning(frame=frame, axis=axis, message=message))

    for axis, value, most, unit, verb in (
        ("move", metres, limits.metres_per_s, "m/s", "moves"),
        ("turn", degrees, limits.degrees_per_s, "degrees/s", "turns"),
    ):
        worst = int(value.argmax())
        top, middle = float(value[worst]), float(value.median())
        if top > most:
            note(axis, worst, f"the camera {verb} at {top:.1f} {unit}; the model has seen up to {most:g}")
        if middle > 0 and top > max(limits.jump * middle, most):
            note("jump", worst, f"the path jumps between frames {worst} and {worst + 1}")
    low, high = limits.fov_deg
    fov = path.fov_deg[:, 0]
    off = torch.maximum(low - fov, fov - high)
    if float(off.max()) > 1e-9:
        worst = int(off.argmax())
        note(
            "fov",
            worst,
            f"the field of view is {float(fov[worst]):.0f} degrees; the model has seen {low:g} to {high:g}",
        )
    centre = torch.tensor([path.width / 2, path.height / 2], dtype=torch.float64)
    shift = ((path.intrinsics[:, 2:] - centre).abs() / centre).amax(1)
    if float(shift.max()) > 0.1:
        note(
            "center",
            int(shift.argmax()),
            "the optical axis is off the picture's centre, which the model has not seen",
        )
    return found


def presets() -> list[CameraPreset]:
    """The moves by name. What a number may be is wider than the ends, which are those of a slider."""
    return [
        CameraPreset(
            name=name,
            about=preset.about,
            parameters=[
                Parameter.model_validate(
                    {
                        "name": number,
                        "default": preset.numbers.get(number),
                        "unit": _unit(name, number, preset.amount),
                        **dict(zip(("low", "high"), _ends(name, number, preset.amount), strict=True)),
                    }
                )
                for number in preset.parameters
            ],
        )
        for name, preset in PRESETS.items()
    ]


def exif_lens(along_deg: float, height: int, width: int) -> list[float]:
    """fx fy cx cy of a whole picture whose longer side sees so many degrees."""
    focal = max(height, width) / 2 / math.tan(math.radians(along_deg / 2))
    return [focal, focal, width / 2, height / 2]


def size_of(plan: Preset) -> str:
    return f"{plan.width}x{plan.height}"


def _asked(text: str, keys: str | Dialect, frames: int | None) -> int:
    """How many frames a text would fly, without flying them."""
    name = text.partition(":")[0].strip()
    if name in PRESETS or ":" in text or "-" not in text:
        return 161 if frames is None else frames
    return sum(count for _, count in segments(text, named(keys))) + 1


def _check_count(frames: float, most: int) -> None:
    if frames > most:
        raise InputError(f"the camera flies {frames:.0f} frames; this server makes videos of at most {most}")


def _unit(preset: str, number: str, amount: str) -> str:
    if number == "speed":
        return "degrees/s" if amount == "degrees" else "m/s"
    if preset == "drive":
        return "m/s" if number in "xyz" else "degrees/s"
    return UNITS.get(number, "")


def _ends(preset: str, number: str, amount: str) -> tuple[float, float]:
    if number == "speed" or preset == "drive":
        return (-60.0, 60.0) if _unit(preset, number, amount) == "degrees/s" else (-8.0, 8.0)
    return ENDS[number]
