"""A few keyframes -> a smooth path.

    {"fps": 16, "width": 448, "height": 256, "fov_deg": 70, "keyframes": [
      {"time": 0, "position": [0, 0, 0],  "look_at": [0, 0, 8]},
      {"time": 4, "position": [2, -1, 4], "look_at": [0, 0, 8], "fov_deg": 50, "ease": "in_out"},
      {"time": 7, "position": [4, -1, 9], "look_at": [0, 0, 8]}]}

position    metres: x right, y down, z forward
look_at     a point the camera looks at; or
quaternion  [x, y, z, w], camera to world; or
yaw, pitch, roll   degrees: right, up, clockwise; what is left out is 0. roll also goes with look_at
time        seconds, rising
fov_deg     horizontal; left out, it is that of the file, else that of the caller
ease        how the way to the next keyframe is run: "linear" (default, goes through at speed), "in" (starts
            from rest), "out" (comes to rest), "in_out" (both). The other side of a keyframe at rest
            rests too. Two equal keyframes make a pause

The position follows a centripetal Catmull-Rom spline (no loops, no overshoot between close keyframes), the
rotation a Bezier curve on SO(3) whose speed is continuous and which stands still between equal keyframes.
When all keyframes look at points, the points are splined instead, so that a fixed target stays centred.
Sources: Yuksel et al. 2011 (centripetal parametrisation), Shoemake 1985 (Bezier curves of quaternions),
Fritsch and Carlson 1980 (monotone interpolation, for time and field of view).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.interpolate import PchipInterpolator
from scipy.spatial.transform import Rotation
from torch import Tensor

from flythrough.camera.pose import look_at, pose, rotation
from flythrough.errors import InputError

KNOWN = {"time", "position", "look_at", "quaternion", "yaw", "pitch", "roll", "fov_deg", "ease"}
ANGLES = ("yaw", "pitch", "roll")
TWICE = (["look_at", "yaw"], ["look_at", "pitch"])
MOST_S = 3600.0
EASES = {"linear": (False, False), "in": (True, False), "out": (False, True), "in_out": (True, True)}


def fly_keyframes(keyframes: Any, fps: float, fov_deg: float, source: str) -> tuple[Tensor, Tensor]:
    """Keyframes (a list of dicts as above) -> c2w (F, 4, 4) and horizontal fov_deg (F,), both float64.

    F = duration x fps + 1, to the nearest frame. Raises InputError that names the keyframe.
    """
    keys = [_checked(key, number, source) for number, key in enumerate(_listed(keyframes, source))]
    times = _times(keys, source)
    frames = round(float(times[-1] - times[0]) * fps) + 1
    at = np.linspace(0.0, 1.0, frames) * (times[-1] - times[0]) + times[0]
    at = _eased(at, times, [key.get("ease", "linear") for key in keys])

    positions = np.array([key["position"] for key in keys], float)
    place = torch.from_numpy(_along(positions, times, at))
    turned = torch.from_numpy(_turned(keys, positions, place.numpy(), times, at, source))
    fovs = np.array([key.get("fov_deg", fov_deg) for key in keys], float)
    return pose(turned, place), torch.from_numpy(_smooth(times, fovs, at))


def catmull_rom(points: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Centripetal Catmull-Rom through points (N, 3), at (F,) in knot units (see `knots`) -> (F, 3)."""
    steps = np.diff(knots(points))[:, None]
    slopes = np.diff(points, axis=0) / steps
    tangents = np.empty_like(points)
    tangents[1:-1] = (slopes[:-1] * steps[1:] + slopes[1:] * steps[:-1]) / (steps[:-1] + steps[1:])
    tangents[0], tangents[-1] = slopes[0], slopes[-1]
    return _hermite(points, tangents, knots(points), at)


def knots(points: np.ndarray) -> np.ndarray:
    """(N,) rising from 0: the square roots of the distances, added up. Equal neighbours stay a hair apart."""
    distances = np.linalg.norm(np.diff(points, axis=0), axis=-1)
    return np.concatenate([[0.0], np.cumsum(np.maximum(np.sqrt(distances), 1e-6))])


def spline_rotations(rotations: Rotation, times: np.ndarray, at: np.ndarray) -> Rotation:
    """Rotations at `times` (N,), smoothly interpolated at (F,)."""
    steps = np.diff(times)[:, None]
    velocity = (rotations[:-1].inv() * rotations[1:]).as_rotvec() / steps
    tangents = np.zeros((len(times), 3))
    tangents[0], tangents[-1] = velocity[0], velocity[-1]
    mean = (velocity[:-1] * steps[1:] + velocity[1:] * steps[:-1]) / (steps[:-1] + steps[1:])
    slower = np.minimum(*(np.linalg.norm(v, axis=-1, keepdims=True) for v in (velocity[:-1], velocity[1:])))
    size = np.linalg.norm(mean, axis=-1, keepdims=True)
    tangents[1:-1] = mean * np.minimum(
        1, 2 * slower / np.maximum(size, 1e-12)
    )  # no swing in or out of a rest

    i, u = _segment_of(times, at)
    third = steps[i] / 3
    a, d = rotations[i], rotations[i + 1]
    b, c = a * Rotation.from_rotvec(tangents[i] * third), d * Rotation.from_rotvec(-tangents[i + 1] * third)
    ab, bc, cd = _between(a, b, u), _between(b, c, u), _between(c, d, u)
    return _between(_between(ab, bc, u), _between(bc, cd, u), u)


def _along(points: np.ndarray, times: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Points (N, 3) at times (N,), splined at (F,) -> (F, 3)."""
    return catmull_rom(points, _smooth(times, knots(points), at))


def _turned(
    keys: list[dict[str, Any]],
    positions: np.ndarray,
    place: np.ndarray,
    times: np.ndarray,
    at: np.ndarray,
    source: str,
) -> np.ndarray:
    """Rotation matrices (F, 3, 3) along the path."""
    if all("look_at" in key for key in keys):
        targets = _along(np.array([key["look_at"] for key in keys], float), times, at)
        if (near := np.linalg.norm(targets - place, axis=-1) < 1e-3).any():
            raise InputError(f"{source}: frame {int(near.argmax())} is at the very point it looks at")
        roll = np.radians(_smooth(times, np.array([key.get("roll", 0.0) for key in keys], float), at))
        zero = torch.zeros(len(at), dtype=torch.float64)
        level = look_at(torch.from_numpy(place), torch.from_numpy(targets))
        return (level @ rotation(zero, zero, torch.from_numpy(roll))).numpy()
    rotations = [_rotation(key, number, source) for number, key in enumerate(keys)]
    return spline_rotations(Rotation.concatenate(rotations), times, at).as_matrix()


def _rotation(key: dict[str, Any], number: int, source: str) -> Rotation:
    if "quaternion" in key:
        return Rotation.from_quat(key["quaternion"])
    yaw, pitch, roll = (torch.tensor(np.radians(key.get(name, 0.0)), dtype=torch.float64) for name in ANGLES)
    if "look_at" not in key:
        return Rotation.from_matrix(rotation(yaw, pitch, roll).numpy())
    place, target = (torch.tensor(key[name], dtype=torch.float64) for name in ("position", "look_at"))
    if (target - place).norm() < 1e-3:
        raise InputError(f"{source}: keyframe {number} looks at its own position; move look_at away from it")
    level = look_at(place, target)
    return Rotation.from_matrix((level @ rotation(yaw * 0, yaw * 0, roll)).numpy())


def _eased(at: np.ndarray, times: np.ndarray, eases: list[str]) -> np.ndarray:
    """Moments (F,), bent so that the camera starts from and comes to rest where the easing says so."""
    rest = np.zeros(len(times), bool)
    for number, ease in enumerate(eases[:-1]):
        rest[number : number + 2] |= EASES[ease]
    i, u = _segment_of(times, at)
    start, end = 1.0 - rest[i], 1.0 - rest[i + 1]  # slopes: 0 at rest, 1 at speed
    bent = start * u * (1 - u) ** 2 + u * u * (3 - 2 * u) - end * u * u * (1 - u)
    return times[i] + bent * np.diff(times)[i]


def _smooth(times: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Monotone between neighbours, continuous slope."""
    return np.asarray(PchipInterpolator(times, values)(at), float)


def _hermite(points: np.ndarray, tangents: np.ndarray, where: np.ndarray, at: np.ndarray) -> np.ndarray:
    i, u = _segment_of(where, at)
    u, step = u[:, None], np.diff(where)[i][:, None]
    start = (1 + 2 * u) * (1 - u) ** 2 * points[i] + u * (1 - u) ** 2 * step * tangents[i]
    return start + u * u * (3 - 2 * u) * points[i + 1] + u * u * (u - 1) * step * tangents[i + 1]


def _segment_of(where: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which interval of `where` (N,) each value lies in, and how far along it, 0 to 1."""
    i = np.clip(np.searchsorted(where, at, side="right") - 1, 0, len(where) - 2)
    return i, np.clip((at - where[i]) / np.diff(where)[i], 0, 1)


def _between(a: Rotation, b: Rotation, u: np.ndarray) -> Rotation:
    return a * Rotation.from_rotvec((a.inv() * b).as_rotvec() * u[:, None])


def _listed(keyframes: Any, source: str) -> list[Any]:
    if not isinstance(keyframes, list) or len(keyframes) < 2:
        raise InputError(f"{source}: it needs a list of at least two keyframes")
    return keyframes


def _times(keys: list[dict[str, Any]], source: str) -> np.ndarray:
    times = np.array([key["time"] for key in keys], float)
    for number in range(1, len(times)):
        if times[number] <= times[number - 1]:
            raise InputError(
                f"{source}: keyframe {number} is at {times[number]:g} s, "
                f"not after keyframe {number - 1} at {times[number - 1]:g} s; times must rise"
            )
    if times[-1] - times[0] > MOST_S:
        raise InputError(f"{source}: it lasts {times[-1] - times[0]:g} s; the most is {MOST_S:g}, an hour")
    return times


def _checked(key: Any, number: int, source: str) -> dict[str, Any]:
    """One keyframe, with all fields known, of the right size and finite."""
    where = f"{source}: keyframe {number}"
    if not isinstance(key, dict):
        raise InputError(f'{where} is not an object with "time" and "position"')
    if unknown := sorted(key.keys() - KNOWN):
        raise InputError(f"{where} has an unknown field '{unknown[0]}'; known are {', '.join(sorted(KNOWN))}")
    if missing := [name for name in ("time", "position") if name not in key]:
        raise InputError(f"{where} has no {missing[0]}")
    for name, size in (("position", 3), ("look_at", 3), ("quaternion", 4)):
        if name in key and not _numbers(key[name], size):
            raise InputError(f"{where}: {name} is {key[name]}; expected {size} finite numbers")
    for name in ("time", "yaw", "pitch", "roll", "fov_deg"):
        if name in key and not _numbers([key[name]], 1):
            raise InputError(f"{where}: {name} is {key[name]}; expected a finite number")
    ways = [name for name in ("look_at", "quaternion", "yaw", "pitch", "roll") if name in key]
    if len(ways) > 1 and ("quaternion" in ways or ways[:2] in TWICE):
        raise InputError(f"{where} turns the camera in two ways ({ways[0]} and {ways[1]}); keep one")
    if "quaternion" in key and np.linalg.norm(key["quaternion"]) < 1e-6:
        raise InputError(f"{where}: quaternion is zero; expected [x, y, z, w] of length 1")
    if key.get("ease", "linear") not in EASES:
        raise InputError(f"{where}: ease is '{key['ease']}'; there are {', '.join(EASES)}")
    return key


def _numbers(values: Any, size: int) -> bool:
    if not isinstance(values, list) or len(values) != size:
        return False
    return all(isinstance(x, (int, float)) and not isinstance(x, bool) and np.isfinite(x) for x in values)
