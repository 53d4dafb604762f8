"""The paths that evaluation flies: random, one axis at a time, out and back, a minute long, and turns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.random import Generator
from scipy.ndimage import gaussian_filter1d

from flythrough.camera.intrinsics import from_fov
from flythrough.camera.path import CameraPath
from flythrough.worlds.hashing import Floats
from flythrough.worlds.walks import AXES, Poses, random_walk, viewpoint
from flythrough.worlds.world import World

MOVING = {"walk": 0.5, "single_axis": 0.35, "orbit": 0.15}  # not those that end where they began
SINGLE = ("still", *(f"{sign}{axis}" for axis in AXES for sign in "+-"))  # the 13 of the control test
SPEED, TURN_DEG = 1.0, 12.0  # metres and degrees a second along one axis


@dataclass(frozen=True)
class Camera:
    """What every path is filmed with: pixels, frames a second, and degrees across the picture."""

    height: int = 256
    width: int = 448
    fps: float = 16.0
    fov_deg: float = 70.0

    def path(self, poses: Poses) -> CameraPath:
        lens = from_fov(self.fov_deg, self.height, self.width)
        return CameraPath(poses.c2w(), lens, self.height, self.width, self.fps)


def stream(seed: int, purpose: str) -> Generator:
    """Random numbers that depend on the world's seed and on what they are for."""
    return np.random.default_rng([seed, *purpose.encode()])


def free(world: World, path: CameraPath) -> bool:
    return bool(world.free(path.positions[::2]).all())


def travel(path: CameraPath) -> tuple[float, float]:
    """The farthest the camera gets from its first pose: metres and degrees."""
    move = torch.linalg.inv(path.c2w[0]) @ path.c2w
    cosine = (move[:, :3, :3].diagonal(dim1=1, dim2=2).sum(1) - 1) / 2
    return float(move[:, :3, 3].norm(dim=1).max()), float(torch.rad2deg(cosine.clamp(-1, 1).acos()).max())


def flight(
    world: World, camera: Camera, frames: int, purpose: str = "flight", style: str | None = None
) -> CameraPath:
    """A random path of the kind that training flies, from the world's seed. Always one that moves.

    Still clips and those that come back are left out: there a copy of the first frame would look like skill.
    """
    rng = stream(world.seed, purpose)
    path = None
    for _ in range(20):
        drawn = style or str(rng.choice(list(MOVING), p=list(MOVING.values())))
        path = random_walk(
            world, frames, rng, height=camera.height, width=camera.width, fps=camera.fps, style=drawn
        )
        metres, degrees = travel(path)
        if metres > 0.5 or degrees > 10:
            break
    assert path is not None
    return path


def elsewhere(world: World, path: CameraPath, others: list[CameraPath]) -> CameraPath:
    """Another way from the same first view through the same lens: the first of `others` that hits nothing."""
    moved = [replace(other.placed(path.c2w[0]), intrinsics=path.intrinsics) for other in others]
    return next((other for other in moved if free(world, other)), moved[0])


def single_axis_set(world: World, camera: Camera, frames: int) -> list[CameraPath]:
    """13 paths from one view, in the order of SINGLE: still, and each axis both ways at a constant rate.

    The view is drawn until none of them hits anything; where no place has that much room (indoors), the
    metres shrink together, and the degrees stay.
    """
    rng = stream(world.seed, "control")
    turn = np.radians(TURN_DEG) / camera.fps
    paths: list[CameraPath] = []
    for speed in (SPEED, 0.6 * SPEED, 0.4 * SPEED, 0.25 * SPEED):
        for _ in range(40):
            position, yaw = viewpoint(world, rng)
            paths = [
                camera.path(_single(name, position, yaw, frames, speed / camera.fps, turn)) for name in SINGLE
            ]
            if all(free(world, path) for path in paths):
                return paths
    return paths


def out_and_back(world: World, camera: Camera, frames: int) -> CameraPath:
    """A walk of (frames + 1) / 2 poses and exactly the same way back."""
    out = flight(world, camera, (frames + 1) // 2, "out and back", "walk")
    return out.joined(out.reversed())


def tilt_down(camera: Camera, position: Floats, yaw: float, frames: int) -> CameraPath:
    """From looking up at the sky down to the place in 3 of 5 seconds, then still."""
    share = np.clip(np.arange(frames) / (0.6 * (frames - 1)), 0, 1)
    angles = np.zeros((frames, 3))
    angles[:, 0] = yaw
    angles[:, 1] = np.radians(30 - 36 * (share * share * (3 - 2 * share)))
    return camera.path(Poses(np.tile(position, (frames, 1)), angles))


def glance(camera: Camera, position: Floats, yaw: float, pitch_deg: float) -> CameraPath:
    """One frame, looking up by pitch_deg."""
    return camera.path(Poses(position[None], np.array([[yaw, np.radians(pitch_deg), 0.0]])))


def turn_round(camera: Camera, position: Floats, yaw: float, frames: int) -> CameraPath:
    """A level turn to the right by 120 degrees on the spot."""
    share = np.linspace(0, 1, frames)
    angles = np.zeros((frames, 3))
    angles[:, 0] = yaw + np.radians(120) * (share * share * (3 - 2 * share))
    return camera.path(Poses(np.tile(position, (frames, 1)), angles))


def tour(world: World, camera: Camera, frames: int) -> CameraPath:
    """A long walk that looks where it goes: it turns before it hits something, and follows the ground."""
    rng = stream(world.seed, "tour")
    best, most = None, -1.0
    for attempt in range(6):
        path = _stroll(world, camera, frames, rng, 0.8**attempt)
        share = float(world.free(path.positions[::2]).double().mean())
        if share > most:
            best, most = path, share
        if most == 1:
            break
    assert best is not None
    return best


def _stroll(world: World, camera: Camera, frames: int, rng: Generator, calm: float) -> CameraPath:
    """Every half second: the turn nearest to the wished one whose next two seconds are free."""
    position, yaw = viewpoint(world, rng)
    low, high = world.scene.speed
    speed = calm * rng.uniform(low, 0.5 * (low + high))
    step, here, heading = 8 / camera.fps, position[[0, 2]], yaw
    eye = -position[1] - float(world.scene.ground(here[None])[0])
    turns = np.radians([0, 8, -8, 16, -16, 24, -24, 36, -36])
    headings, speeds, wish = [], [], 0.0
    for index in range(frames // 8 + 3):
        if index % 5 == 0:
            wish = rng.normal() * np.radians(10)
        chosen, pace = 0.0, 0.0
        for turn in sorted(turns, key=lambda rate: abs(rate - wish)):
            ways = heading + turn * step * np.arange(1, 9).clip(max=4)
            places = here + speed * step * np.cumsum(np.stack([np.sin(ways), np.cos(ways)], axis=1), axis=0)
            up = world.scene.ground(places) + eye
            if not world.scene.blocked(places, up).any():
                chosen, pace = turn, speed
                break
        else:
            chosen = turns[7] if wish >= 0 else turns[8]  # no way ahead: turn on the spot
        heading = heading + chosen * step
        here = here + pace * step * np.array([np.sin(heading), np.cos(heading)])
        headings.append(heading)
        speeds.append(pace)
    at = np.arange(frames + 8) / 8
    angle = gaussian_filter1d(np.interp(at, np.arange(len(headings)), headings), 5, mode="nearest")[:frames]
    pace = gaussian_filter1d(np.interp(at, np.arange(len(speeds)), speeds), 5, mode="nearest")[:frames]
    steps = (pace / camera.fps)[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    places = position[[0, 2]] + np.cumsum(steps, axis=0) - steps[0]
    up = gaussian_filter1d(world.scene.ground(places), 14, mode="nearest") + eye
    sway = gaussian_filter1d(rng.normal(size=(frames + 256, 2)), 24, axis=0)[128 : 128 + frames]
    sway = np.radians([5.0, 2.0]) * sway / max(1e-6, float(np.abs(sway).max()))
    angles = np.stack([angle, sway[:, 0], sway[:, 1]], axis=1)
    return camera.path(Poses(np.stack([places[:, 0], -up, places[:, 1]], axis=1), angles))


def _single(name: str, position: Floats, yaw: float, frames: int, metres: float, radians: float) -> Poses:
    """So many metres, or radians, a frame along one axis."""
    moved, angles = np.tile(position, (frames, 1)), np.tile([yaw, 0.0, 0.0], (frames, 1))
    if name == "still":
        return Poses(moved, angles)
    steps, axis = (1 if name[0] == "+" else -1) * np.arange(frames), name[1:]
    right, ahead = (np.cos(yaw), 0, -np.sin(yaw)), (np.sin(yaw), 0, np.cos(yaw))
    if axis in "xyz":
        way = {"x": right, "y": (0, 1, 0), "z": ahead}[axis]
        moved = moved + metres * steps[:, None] * np.array(way)
    else:
        angles[:, ("yaw", "pitch", "roll").index(axis)] += radians * steps
    return Poses(moved, angles)
