"""The key language: "w-40,jw-20" and keys held live -> poses.

    path    := segment ("," segment)*
    segment := keys "-" frames        keys: "none" or letters held together; frames: pixel frames at 16 fps

N frames give N + 1 poses, the first one the identity. Opposite keys cancel, order and case do not matter.
The same string flies differently in each dialect, so what a clip stores is the poses, never the string.

    letters    flythrough          sana-wm             sana-wm-v1
    w / s      forward / back      forward / back      forward / back
    a / d      turn left / right   turn left / right   strafe left / right
    j / l      strafe left / right strafe left / right turn left / right
    i / k      look up / down      look up / down      look up / down
    r / f      rise / sink         -                   -
    q / e      roll left / right   -                   -
    move       2 m/s               0.4 m/s             0.8 m/s
    turn       20 degrees/s        9.6 degrees/s       19.2 degrees/s
    pitch      held at 80 degrees  held at 60          a step beyond 85 is refused
    inertia    yes                 yes                 none

Moves follow the heading: forward is where the camera faces, laid flat, however far it looks up, down or
leans; rising is along the world's vertical. Inertia: a key newly pressed sets all speeds to what the keys now
ask for, at once; otherwise speeds ease towards it, with a time constant of 0.45 s, or 1 s where nothing is
asked for and the camera coasts.
Source: NVlabs/Sana camera control (sana-wm); its first release as diffusers 0.42.1 has it (sana-wm-v1).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass
from typing import Any

import torch
from torch import Tensor

from flythrough.camera.pose import angles, pose, rotation
from flythrough.errors import InputError

STEP_S = 1 / 16  # keys count frames of 1/16 s, whatever the output's frame rate
MOST_FRAMES = 57_600
CONTROLS = ("forward", "right", "up", "yaw", "pitch", "roll")
WALK = {"w": ("forward", 1), "s": ("forward", -1), "i": ("pitch", 1), "k": ("pitch", -1)}
TURN_WITH_AD = {"a": ("yaw", -1), "d": ("yaw", 1), "j": ("right", -1), "l": ("right", 1)}
TURN_WITH_JL = {"a": ("right", -1), "d": ("right", 1), "j": ("yaw", -1), "l": ("yaw", 1)}
FLY = {"r": ("up", 1), "f": ("up", -1), "q": ("roll", -1), "e": ("roll", 1)}


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """What keys mean and how fast they are."""

    name: str
    letters: dict[str, tuple[str, int]]  # key -> control and sign
    metres_per_s: float
    degrees_per_s: float
    pitch_limit_deg: float
    pitch_refused: bool = False  # a step beyond the limit is dropped whole instead of shortened
    held_s: float | None = 0.45  # time constants of the inertia; None: no inertia
    free_s: float = 1.0
    flat_eps: float = 0.0  # the peers divide the heading by its length plus this


DIALECTS = {
    "flythrough": Dialect(
        name="flythrough",
        letters=WALK | TURN_WITH_AD | FLY,
        metres_per_s=2.0,
        degrees_per_s=20.0,
        pitch_limit_deg=80.0,
    ),
    "sana-wm": Dialect(
        name="sana-wm",
        letters=WALK | TURN_WITH_AD,
        metres_per_s=0.025 * 16,
        degrees_per_s=0.6 * 16,
        pitch_limit_deg=60.0,
        flat_eps=1e-6,
    ),
    "sana-wm-v1": Dialect(
        name="sana-wm-v1",
        letters=WALK | TURN_WITH_JL,
        metres_per_s=0.05 * 16,
        degrees_per_s=1.2 * 16,
        pitch_limit_deg=85.0,
        pitch_refused=True,
        held_s=None,
    ),
}


def named(dialect: str | Dialect) -> Dialect:
    """A dialect by its name. For other speeds pass `dataclasses.replace(DIALECTS["flythrough"], ...)`."""
    if isinstance(dialect, Dialect):
        return dialect
    if dialect not in DIALECTS:
        raise InputError(f"keys dialect is '{dialect}'; there are {', '.join(DIALECTS)}")
    return DIALECTS[dialect]


def parse_keys(text: str, dialect: str | Dialect = "flythrough") -> Tensor:
    """Fly a key string: c2w (N + 1, 4, 4) float64, the first pose the identity.

    Raises InputError that names the segment at fault.
    """
    live = LiveKeys(dialect)
    flown = [astuple(live.camera)]
    for held, frames in segments(text, live.dialect):
        for _ in range(frames):
            live.fly(held)
            flown.append(astuple(live.camera))
    return _c2w(torch.tensor(flown, dtype=torch.float64))  # all at once: ten times as fast as one by one


def segments(text: str, dialect: Dialect) -> list[tuple[frozenset[str], int]]:
    """A key string -> held keys and frames of each segment, checked."""
    parts = re.sub(r"\s+", "", text).replace("\uff0c", ",").lower().split(",")
    if parts == [""]:
        raise InputError("keys are empty; write segments such as 'w-40,jw-20'")
    found = [_segment(part, number, dialect) for number, part in enumerate(parts, 1)]
    if (total := sum(frames for _, frames in found)) > MOST_FRAMES:
        raise InputError(f"keys last {total} frames in all; the most is {MOST_FRAMES}, an hour")
    return found


class LiveKeys:
    """A camera driven live: one pose per step of 1/16 s. parse_keys is a loop over it."""

    def __init__(self, dialect: str | Dialect = "flythrough", start: Tensor | None = None) -> None:
        """start: c2w (4, 4), where the camera is, at rest; without one in the world's middle, looking along z."""
        self.dialect = named(dialect)
        self.camera = Heading() if start is None else Heading.at(start)
        self.speed = dict.fromkeys(CONTROLS, 0.0)  # what flies now: metres and radians a step
        self.pressed = frozenset[tuple[str, int]]()  # directions held in the previous step

    @property
    def c2w(self) -> Tensor:
        """(4, 4) float64: where the camera is now, relative to where it started."""
        return self.camera.c2w()

    def step(self, held: Iterable[str] = ()) -> Tensor:
        """Fly one frame with these keys held, and return the new pose (4, 4)."""
        self.fly(held)
        return self.c2w

    def fly(self, held: Iterable[str] = ()) -> None:
        """`step` for whoever asks for the pose later."""
        target, pressed = self._target(held)
        if self.dialect.held_s is None or pressed - self.pressed:
            self.speed = target
        else:
            self.speed = {name: self._eased(self.speed[name], goal) for name, goal in target.items()}
        self.pressed = pressed
        self.camera.fly(self.speed, self.dialect)

    def to_dict(self) -> dict[str, Any]:
        """Everything a snapshot needs, as plain values."""
        return {"camera": asdict(self.camera), "speed": dict(self.speed), "pressed": sorted(self.pressed)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot of the same dialect, bit for bit."""
        self.camera = Heading(**state["camera"])
        self.speed = dict(state["speed"])
        self.pressed = frozenset((name, sign) for name, sign in state["pressed"])

    def _target(self, held: Iterable[str]) -> tuple[dict[str, float], frozenset[tuple[str, int]]]:
        """The speeds these keys ask for, and the directions that do not cancel."""
        letters = {letter.lower() for letter in held}
        if unknown := sorted(letters - self.dialect.letters.keys()):
            known = " ".join(self.dialect.letters)
            raise InputError(f"key '{unknown[0]}' means nothing in {self.dialect.name}; its keys are {known}")
        wanted = dict.fromkeys(CONTROLS, 0)
        for letter in letters:
            control, sign = self.dialect.letters[letter]
            wanted[control] += sign
        move, turn = self.dialect.metres_per_s * STEP_S, math.radians(self.dialect.degrees_per_s) * STEP_S
        per_step = {name: sign * (move if name in CONTROLS[:3] else turn) for name, sign in wanted.items()}
        return per_step, frozenset(self.dialect.letters[letter] for letter in letters)

    def _eased(self, speed: float, goal: float) -> float:
        held_s, free_s = self.dialect.held_s or 0.0, self.dialect.free_s
        return speed + (1 - math.exp(-STEP_S / (held_s if abs(goal) > 1e-12 else free_s))) * (goal - speed)


@dataclass
class Heading:
    """A pose as position (metres, y down) and angles (radians), which keeps the horizon where it is."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0

    @classmethod
    def at(cls, c2w: Tensor) -> Heading:
        """The same pose (4, 4) in these numbers."""
        return cls(*c2w[:3, 3].tolist(), *angles(c2w).tolist())

    def fly(self, speed: dict[str, float], dialect: Dialect) -> None:
        """Turn, then move along the new heading. `speed` is per step."""
        self.yaw += speed["yaw"]
        self.pitch = _limited(self.pitch, speed["pitch"], dialect)
        self.roll += speed["roll"]
        flat = abs(math.cos(self.pitch))  # length of the camera's z axis laid flat
        forward = speed["forward"] * flat / (flat + dialect.flat_eps)
        right = speed["right"] / (1 + dialect.flat_eps)
        sine, cosine = math.sin(self.yaw), math.cos(self.yaw)
        self.x += forward * sine + right * cosine
        self.y -= speed["up"]
        self.z += forward * cosine - right * sine

    def c2w(self) -> Tensor:
        """(4, 4) float64."""
        return _c2w(torch.tensor(astuple(self), dtype=torch.float64))


def _c2w(headings: Tensor) -> Tensor:
    """Numbers of headings (..., 6), in the order of their fields -> (..., 4, 4)."""
    yaw, pitch, roll = headings[..., 3:].unbind(-1)
    return pose(rotation(yaw, pitch, roll), headings[..., :3])


def _limited(pitch: float, turn: float, dialect: Dialect) -> float:
    limit = math.radians(dialect.pitch_limit_deg)
    if dialect.pitch_refused:
        return pitch + turn if abs(pitch + turn) <= limit else pitch
    return min(max(pitch + turn, -limit), limit)


def _segment(part: str, number: int, dialect: Dialect) -> tuple[frozenset[str], int]:
    where = f"keys segment {number} '{part}'"
    if not part:
        raise InputError(f"keys segment {number} is empty; write segments such as 'w-40,jw-20'")
    letters, dash, count = part.rpartition("-")
    if not dash or not letters:
        raise InputError(f"{where} is not keys, a dash and frames, such as 'w-40'")
    if not re.fullmatch("[0-9]+", count) or int(count) == 0:
        raise InputError(f"{where} lasts '{count}' frames; expected a whole number above 0")
    if letters == "none":
        return frozenset(), int(count)
    if unknown := [letter for letter in letters if letter not in dialect.letters]:
        known = " ".join(dialect.letters)
        raise InputError(
            f"{where}: '{unknown[0]}' is no key of {dialect.name}; its keys are {known} and none"
        )
    return frozenset(letters), int(count)
