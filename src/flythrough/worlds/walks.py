"""Camera paths through a world that do not go through things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from flythrough.camera.path import CameraPath
from flythrough.worlds.compose import DULL, glance
from flythrough.worlds.hashing import Floats

if TYPE_CHECKING:
    from flythrough.worlds.world import World

STYLES = {"walk": 0.40, "single_axis": 0.30, "orbit": 0.12, "out_and_back": 0.10, "still": 0.08}
AXES = ("x", "y", "z", "pitch", "yaw", "roll")
CLEARANCE = 0.5  # metres above the ground of a path that may lead through things
CANDIDATES = 14  # views that compete to be a world's first


@dataclass
class Poses:
    """position (F, 3) world metres, y down; angles (F, 3) yaw, pitch, roll in radians."""

    position: Floats
    angles: Floats

    def c2w(self) -> Tensor:
        """(F, 4, 4) float64: R = Ry(yaw) Rx(pitch) Rz(roll); positive yaw turns right, positive pitch looks up."""
        (cy, cp, cr), (sy, sp, sr) = np.cos(self.angles).T, np.sin(self.angles).T
        zero, one = np.zeros_like(cy), np.ones_like(cy)
        turn = _matrix(cy, zero, sy, zero, one, zero, -sy, zero, cy)
        tilt = _matrix(one, zero, zero, zero, cp, -sp, zero, sp, cp)
        bank = _matrix(cr, -sr, zero, sr, cr, zero, zero, zero, one)
        c2w = np.tile(np.eye(4), (len(cy), 1, 1))
        c2w[:, :3, :3] = turn @ tilt @ bank
        c2w[:, :3, 3] = self.position
        return torch.from_numpy(c2w)


def random_walk(
    world: World,
    frames: int,
    rng: Generator,
    *,
    height: int = 256,
    width: int = 448,
    fps: float = 16.0,
    style: str | None = None,
    through: bool = False,
) -> CameraPath:
    """A path of `frames` poses in world coordinates, starting anywhere in the world.

    style    one of STYLES, drawn by their shares if None
    through  under the sky the path may lead through trees and houses, as users' paths do, but not below the ground
    Paths that would hit something are drawn again, slower each time; if none fits, the camera stays and looks around.
    """
    style = style or str(rng.choice(list(STYLES), p=list(STYLES.values())))
    poses = None
    for attempt in range(8):
        start = _standpoint(world, rng)
        candidate = _fly(world, start, frames, fps, rng, style, 0.8**attempt)
        places = torch.from_numpy(candidate.position[::2])
        if through and not world.scene.indoor:
            fits = bool((places[:, 1] < world.ground(places[:, 0], places[:, 2]) - CLEARANCE).all())
        else:
            fits = bool(world.free(places).all()) and _worth_seeing(world, candidate)
        if fits:
            poses = candidate
            break
    if poses is None:
        poses = _fly(world, viewpoint(world, rng), frames, fps, rng, "still", 1.0)
    fov = np.full(frames, rng.uniform(55, 85))
    if rng.random() < 0.06:
        fov = np.linspace(fov[0], rng.uniform(55, 85), frames)  # a zoom
    return CameraPath(poses.c2w(), intrinsics_of(fov, height, width), height, width, fps)


def opening(world: World) -> Tensor:
    """c2w (4, 4) float64 of a world's first view: eye height, free around, and the best composed of a few."""
    rng = np.random.default_rng(world.scene.stream("opening"))
    for attempt in range(0, 72, 24):
        poses = _outlooks(world, rng, attempt, 24)
        open_ = _open_ahead(world, poses.position, poses.angles[:, 0]).nonzero()[0][:CANDIDATES]
        if len(open_):
            break
    else:
        open_ = np.zeros(1, int)
    c2w = Poses(poses.position[open_], poses.angles[open_]).c2w()
    mesh = world.mesh(c2w[:, :3, 3])
    return c2w[int(glance(mesh, world.light, c2w).score(world.scene.indoor).argmax())]


def _outlooks(world: World, rng: Generator, attempt: int, count: int) -> Poses:
    """Candidates for a first view at eye height, whether free or not."""
    x, z, yaw = np.array([world.scene.outlook(rng, attempt + k) for k in range(count)]).T
    up = world.scene.ground(np.stack([x, z], axis=1)) + world.scene.eye * rng.uniform(0.95, 1.3, count)
    pitch = rng.uniform(-0.16, -0.05, count) if world.scene.indoor else rng.uniform(-0.05, 0.02, count)
    return Poses(np.stack([x, -up, z], axis=1), np.stack([yaw, pitch, 0 * yaw], axis=1))


def place(world: World, path: CameraPath) -> CameraPath:
    """A user's path, moved so that it begins with the world's first view."""
    return path.relative_to_first().placed(world.start())


def viewpoint(world: World, rng: Generator) -> tuple[Floats, float]:
    """A free position (3,) and a yaw with an open view that is neither dull nor filled by something near."""
    for _ in range(4):
        position, yaw = _standpoint(world, rng)
        if _worth_seeing(world, Poses(position[None], np.array([[yaw, 0.0, 0.0]]))):
            break
    return position, yaw


def _worth_seeing(world: World, poses: Poses) -> bool:
    """Whether the first of the poses sees something, and nothing near fills the picture on the way."""
    some = np.unique(np.linspace(0, len(poses.position) - 1, 5).astype(int))
    c2w = Poses(poses.position[some], poses.angles[some]).c2w()
    looks = glance(world.mesh(c2w[:, :3, 3]), world.light, c2w)
    return bool(looks.clear()[0]) and bool(
        (looks.crowded() < 0.4).all() and (looks.contrast() > 0.5 * DULL).all()
    )


def _standpoint(world: World, rng: Generator) -> tuple[Floats, float]:
    """A free position (3,) and a yaw with room ahead."""
    long = world.scene.along
    for _ in range(60):
        x, z = rng.normal(size=2) * (np.array([1.6, 90.0]) if long else np.array([45.0, 45.0]))
        if world.kind == "street" and rng.random() < 0.3:
            x += 36.0 * int(rng.integers(-1, 2))
        x += world.scene.middle(z)
        lift = (
            rng.uniform(1.2, 1.9)
            if world.scene.indoor
            else rng.choice([rng.uniform(1.3, 2.2), rng.uniform(2, 6)])
        )
        up = float(world.scene.ground(np.array([[x, z]]))[0]) + lift
        yaw = rng.uniform(-np.pi, np.pi)
        if long and rng.random() < 0.75:
            yaw = rng.normal() * 0.5 + (np.pi if rng.random() < 0.5 else 0.0)
        position = np.array([x, -up, z])
        if _open_ahead(world, position[None], np.array([yaw]))[0]:
            return position, yaw
    start = world.start().numpy()
    return start[:3, 3], float(np.arctan2(start[0, 2], start[2, 2]))


def _open_ahead(world: World, position: Floats, yaw: Floats) -> NDArray[np.bool_]:
    """Whether there is room for a step or two from positions (N, 3) towards yaw (N,)."""
    ahead = np.array([0.0, 0.5, 1.0] if world.scene.indoor else [0.0, 0.8, 1.6, 2.4])
    forward = np.stack([np.sin(yaw), np.zeros_like(yaw), np.cos(yaw)], axis=1)
    points = position[:, None] + ahead[:, None] * forward[:, None]
    return world.free(torch.from_numpy(points.reshape(-1, 3))).view(len(yaw), -1).all(1).numpy()


def _fly(
    world: World,
    start: tuple[Floats, float],
    frames: int,
    fps: float,
    rng: Generator,
    style: str,
    calm: float,
) -> Poses:
    position, yaw = start
    low, high = world.scene.speed
    seconds = np.arange(frames) / fps
    angles = np.zeros((frames, 3))
    angles[:, 0] = yaw
    if style == "single_axis":
        return _single_axis(position, yaw, seconds, rng, calm, 0.4 if world.scene.indoor else 1.0)
    if style == "orbit":
        return _orbit(position, yaw, seconds, rng, calm, world.scene.indoor)
    if style == "still":
        angles += np.radians(_wander(frames, fps, rng, np.array([8.0, 4.0, 2.0]) * (rng.random() < 0.5)))
        return Poses(np.tile(position, (frames, 1)), angles)

    rates = _commands(frames, fps, rng, np.array([22.0, 10.0, 7.0])) * calm
    angles[:, 0] += np.radians(np.cumsum(rates[:, 0]) / fps)
    for axis, limit in ((1, 28.0), (2, 14.0)):
        free = np.cumsum(rates[:, axis]) / fps
        angles[:, axis] = np.radians(limit * np.tanh(free / limit))
    forward = np.abs(_commands(frames, fps, rng, np.array([0.25]))[:, 0] + 1) * rng.uniform(low, high) * calm
    if rng.random() < 0.1:
        forward = -forward
    sideways = _commands(frames, fps, rng, np.array([0.22 * high]))[:, 0] * calm * (rng.random() < 0.6)
    climb = _commands(frames, fps, rng, np.array([0.12 * high]))[:, 0] * calm * (rng.random() < 0.6)
    heading = angles[:, 0]
    velocity = np.stack(
        [
            forward * np.sin(heading) + sideways * np.cos(heading),
            -climb,
            forward * np.cos(heading) - sideways * np.sin(heading),
        ],
        axis=1,
    )
    steps = velocity / fps
    path = position + np.cumsum(steps, axis=0) - steps[0]
    if not world.scene.indoor:
        path = _over_ground(world, path, position)
    poses = Poses(path, angles)
    return _out_and_back(poses) if style == "out_and_back" else poses


def _over_ground(world: World, path: Floats, position: Floats) -> Floats:
    """Follow the terrain: keep the height over a smoothed ground, so that hills do not stop the walk."""
    ground = gaussian_filter1d(world.scene.ground(path[:, ::2]), 14, mode="nearest")
    path = path.copy()
    path[:, 1] -= ground - ground[0]
    return path


def _single_axis(
    position: Floats, yaw: float, seconds: Floats, rng: Generator, calm: float, room: float
) -> Poses:
    axis, sign = AXES[int(rng.integers(6))], 1 if rng.random() < 0.5 else -1
    path, angles = np.tile(position, (len(seconds), 1)), np.tile([yaw, 0.0, 0.0], (len(seconds), 1))
    ease = 1 - np.exp(-seconds / rng.choice([0.02, 0.4]))
    if axis in "xyz":
        reach = sign * rng.uniform(0.4, 2.2) * room * calm * (0.5 if axis == "y" else 1.0) * seconds * ease
        direction = {"x": (np.cos(yaw), 0, -np.sin(yaw)), "y": (0, 1, 0), "z": (np.sin(yaw), 0, np.cos(yaw))}[
            axis
        ]
        path = path + reach[:, None] * np.array(direction)
    else:
        index = {"yaw": 0, "pitch": 1, "roll": 2}[axis]
        turned = sign * np.radians(rng.uniform(6, 22)) * seconds * ease
        angles[:, index] += turned if index == 0 else np.radians(35) * np.tanh(turned / np.radians(35))
    return Poses(path, angles)


def _orbit(position: Floats, yaw: float, seconds: Floats, rng: Generator, calm: float, indoor: bool) -> Poses:
    """Around a point ahead, looking at it."""
    radius = rng.uniform(0.9, 1.8) if indoor else rng.uniform(3, 10)
    rate = (1 if rng.random() < 0.5 else -1) * np.radians(rng.uniform(6, 20)) * calm
    center = position + radius * np.array([np.sin(yaw), 0, np.cos(yaw)])
    heading = yaw + rate * seconds
    path = center - radius * np.stack([np.sin(heading), np.zeros_like(heading), np.cos(heading)], axis=1)
    path[:, 1] -= rng.normal() * 0.15 * radius * (1 - np.cos(0.4 * seconds)) * (not indoor)
    angles = np.stack([heading, np.zeros_like(heading), np.zeros_like(heading)], axis=1)
    return Poses(path, angles)


def _out_and_back(poses: Poses) -> Poses:
    frame = np.arange(len(poses.position))
    index = np.minimum(frame, frame[::-1])
    return Poses(poses.position[index], poses.angles[index])


def _commands(frames: int, fps: float, rng: Generator, sigma: Floats) -> Floats:
    """(frames, len(sigma)): held for a second or two each, then smoothed; a third of the holds are zero."""
    out = np.zeros((frames + 64, len(sigma)))
    begin = 0
    while begin < len(out):
        hold = int(rng.uniform(0.7, 3.0) * fps)
        out[begin : begin + hold] = rng.normal(size=len(sigma)) * sigma * (rng.random(len(sigma)) < 0.67)
        begin += hold
    return gaussian_filter1d(out, rng.uniform(0.6, 1.6) * fps / 2.5, axis=0)[32 : 32 + frames]


def _wander(frames: int, fps: float, rng: Generator, sigma: Floats) -> Floats:
    wave = gaussian_filter1d(rng.normal(size=(frames + 256, len(sigma))), 1.2 * fps, axis=0)[
        128 : 128 + frames
    ]
    wave = wave - wave[0]
    return sigma * wave / max(1e-6, float(np.abs(wave).max()))


def intrinsics_of(fov_deg: Floats, height: int, width: int) -> Tensor:
    """fov_deg (F,) across the picture -> (F, 4) fx fy cx cy in pixels, square pixels."""
    focal = 0.5 * width / np.tan(np.radians(fov_deg) / 2)
    middle = np.full_like(focal, 0.5)
    return torch.from_numpy(np.stack([focal, focal, middle * width, middle * height], axis=1))


def _matrix(*entries: Floats) -> Floats:
    return np.stack(entries, axis=-1).reshape(-1, 3, 3)
