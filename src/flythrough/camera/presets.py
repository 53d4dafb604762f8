"""Camera moves by name, with parameters: "orbit:radius=6,degrees=180".

Amounts (metres, degrees) are for the whole clip. Moves that can go on for ever have a `speed` instead (m/s
or degrees/s), so that a longer clip goes further, until an amount is given. A negative one goes the other
way. `ease` is the share of the clip spent speeding up and slowing down, 0 to 0.5 at each end.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from flythrough.camera.keys import DIALECTS, Heading
from flythrough.camera.pose import look_at, pose, rotation
from flythrough.errors import InputError

Numbers = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A move: what it does, the amount it may be given, its other numbers, and how to fly it."""

    about: str
    amount: str = ""  # "metres" or "degrees"
    numbers: Numbers = field(default_factory=dict)
    fly: Callable[[Tensor, Numbers], Tensor]  # seconds (F,), numbers -> c2w (F, 4, 4)

    @property
    def parameters(self) -> list[str]:
        """All names that may be set."""
        return ([self.amount] if self.amount else []) + list(self.numbers)


def build(text: str, frames: int, fps: float = 16.0) -> Tensor:
    """Fly a preset such as "dolly:metres=4": c2w (frames, 4, 4) float64, the first pose the identity."""
    name, numbers = parse_preset(text)
    if frames < 1:
        raise InputError(f"frames is {frames}; a path needs at least one")
    return PRESETS[name].fly(torch.arange(frames, dtype=torch.float64) / fps, numbers)


def parse_preset(text: str) -> tuple[str, Numbers]:
    """ "name:key=value,..." -> the name and all numbers, defaults filled in."""
    name, _, rest = text.strip().partition(":")
    name = name.strip()
    if name not in PRESETS:
        raise InputError(f"preset '{name}' is unknown; there are {', '.join(PRESETS)}")
    preset, given = PRESETS[name], dict[str, float]()
    for part in filter(None, (part.strip() for part in rest.split(","))):
        key, _, value = (word.strip() for word in part.partition("="))
        if key not in preset.parameters:
            known = ", ".join(preset.parameters) or "none"
            raise InputError(f"preset {name} has no parameter '{key}'; its parameters: {known}")
        given[key] = _number(name, key, value)
    if preset.amount in given and "speed" in given:
        raise InputError(f"preset {name} takes {preset.amount} or speed, not both")
    return name, preset.numbers | given


def usage() -> list[tuple[str, str, str]]:
    """(name, parameters with defaults, what it does) of every preset, for help texts."""
    return [
        (
            name,
            ",".join(
                ([f"{p.amount}=..."] if p.amount else []) + [f"{k}={v:g}" for k, v in p.numbers.items()]
            ),
            p.about,
        )
        for name, p in PRESETS.items()
    ]


def progress(seconds: Tensor, ease: float) -> Tensor:
    """How much of a move is done at each moment, (F,) from 0 to 1, starting and ending gently."""
    if len(seconds) == 1:
        return torch.zeros_like(seconds)
    u = seconds / seconds[-1]
    if ease == 0:
        return u
    rising, falling = _ramp(u / ease), _ramp((u - 1 + ease) / ease)  # speed up; later take the speed away
    return (rising - falling) * ease / (1 - ease)


def _still(t: Tensor, p: Numbers) -> Tensor:
    return torch.eye(4, dtype=t.dtype).repeat(len(t), 1, 1)


def _dolly(t: Tensor, p: Numbers) -> Tensor:
    return _moved(_done(t, p, "metres"), (0, 0, 1))


def _truck(t: Tensor, p: Numbers) -> Tensor:
    return _moved(_done(t, p, "metres"), (1, 0, 0))


def _pedestal(t: Tensor, p: Numbers) -> Tensor:
    return _moved(_done(t, p, "metres"), (0, -1, 0))


def _pan(t: Tensor, p: Numbers) -> Tensor:
    return _turned(yaw=_done(t, p, "degrees"))


def _tilt(t: Tensor, p: Numbers) -> Tensor:
    return _turned(pitch=_done(t, p, "degrees"))


def _roll(t: Tensor, p: Numbers) -> Tensor:
    return _turned(roll=_done(t, p, "degrees"))


def _orbit(t: Tensor, p: Numbers) -> Tensor:
    return _around(_done(t, p, "degrees"), torch.full_like(t, p["radius"]), torch.zeros_like(t), p["radius"])


def _crane(t: Tensor, p: Numbers) -> Tensor:
    return _around(torch.zeros_like(t), torch.full_like(t, p["radius"]), _done(t, p, "metres"), p["radius"])


def _spiral(t: Tensor, p: Numbers) -> Tensor:
    done, radius = progress(t, p["ease"]), p["radius"]
    return _around(_done(t, p, "degrees"), radius + (p["to"] - radius) * done, p["rise"] * done, radius)


def _handheld(t: Tensor, p: Numbers) -> Tensor:
    """A walk with a step rhythm and a slow wander, both sums of sines so that any length agrees."""
    rng, shake = random.Random(int(p["seed"])), p["shake"]

    def wander(size: float, low_hz: float, high_hz: float) -> Tensor:
        waves = [(rng.uniform(low_hz, high_hz), rng.uniform(0, 2 * math.pi)) for _ in range(4)]
        both = [torch.sin(2 * math.pi * hz * t + phase) - math.sin(phase) for hz, phase in waves]
        return shake * size / 2 * torch.stack(both).sum(0)

    walking = min(abs(p["speed"] if "metres" not in p else p["metres"] / max(float(t[-1]), 1e-9)), 1.0)
    step = 2 * math.pi * 0.9 * t
    bob = shake * walking * torch.stack([0.02 * step.sin(), 0.012 * (1 - (2 * step).cos())], -1)
    c2w = _turned(wander(0.9, 0.15, 0.8), wander(0.6, 0.2, 1.0), wander(0.5, 0.1, 0.5))
    c2w[:, 0, 3] = bob[:, 0] + wander(0.02, 0.2, 0.7)
    c2w[:, 1, 3] = bob[:, 1] + wander(0.012, 0.2, 0.7)
    c2w[:, 2, 3] = _done(t, p, "metres")
    return c2w


def _drive(t: Tensor, p: Numbers) -> Tensor:
    """Constant speeds along and about any axes together; moves follow the heading, as with keys."""
    step_s = float(t[1]) if len(t) > 1 else 0.0
    rate = {"forward": p["z"], "right": p["x"], "up": -p["y"]}
    speed = {name: value * step_s for name, value in rate.items()}
    speed |= {name: math.radians(p[name]) * step_s for name in ("yaw", "pitch", "roll")}
    camera, poses = Heading(), [_still(t[:1], p)[0]]
    for _ in t[1:]:
        camera.fly(speed, DIALECTS["flythrough"])
        poses.append(camera.c2w())
    return torch.stack(poses)


AXES = dict.fromkeys(("x", "y", "z", "pitch", "yaw", "roll"), 0.0)
PRESETS = {
    "still": Preset(about="stay where it is", fly=_still),
    "dolly": Preset(about="forward", amount="metres", numbers={"speed": 1.5, "ease": 0.1}, fly=_dolly),
    "truck": Preset(about="to the right", amount="metres", numbers={"speed": 1, "ease": 0.1}, fly=_truck),
    "pedestal": Preset(about="up", numbers={"metres": 3, "ease": 0.1}, fly=_pedestal),
    "pan": Preset(about="turn right", amount="degrees", numbers={"speed": 12, "ease": 0.1}, fly=_pan),
    "tilt": Preset(about="look up", numbers={"degrees": 25, "ease": 0.1}, fly=_tilt),
    "roll": Preset(about="lean right", numbers={"degrees": 30, "ease": 0.1}, fly=_roll),
    "orbit": Preset(
        about="around the point `radius` metres ahead, to the right, looking at it",
        amount="degrees",
        numbers={"radius": 6, "speed": 12, "ease": 0.1},
        fly=_orbit,
    ),
    "crane": Preset(
        about="up, looking at the point `radius` metres ahead",
        numbers={"metres": 4, "radius": 8, "ease": 0.15},
        fly=_crane,
    ),
    "spiral": Preset(
        about="an orbit that rises by `rise` metres and closes in `to` that radius",
        amount="degrees",
        numbers={"radius": 7, "to": 4, "rise": 2.5, "speed": 15, "ease": 0.1},
        fly=_spiral,
    ),
    "handheld": Preset(
        about="walk forward with a camera in the hand",
        amount="metres",
        numbers={"speed": 1.2, "shake": 1, "seed": 0, "ease": 0},
        fly=_handheld,
    ),
    "drive": Preset(
        about="constant speeds: x right, y down, z ahead in m/s; pitch up, yaw right, roll in degrees/s",
        numbers=AXES,
        fly=_drive,
    ),
}


def _number(name: str, key: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"preset {name}: {key} is '{value}'; expected a number")
    if key in ("radius", "to") and number <= 0:
        raise InputError(f"preset {name}: {key} is {number:g}; expected more than 0 metres")
    if key == "ease" and not 0 <= number <= 0.5:
        raise InputError(f"preset {name}: ease is {number:g}; expected 0 to 0.5")
    return number


def _done(t: Tensor, p: Numbers, amount: str) -> Tensor:
    """The amount reached at each moment, (F,)."""
    return p.get(amount, p.get("speed", 0.0) * float(t[-1])) * progress(t, p["ease"])


def _moved(way: Tensor, direction: tuple[int, int, int]) -> Tensor:
    return pose(
        torch.eye(3, dtype=way.dtype).repeat(len(way), 1, 1), way[:, None] * way.new_tensor(direction)
    )


def _turned(yaw: Tensor | None = None, pitch: Tensor | None = None, roll: Tensor | None = None) -> Tensor:
    """Angles in degrees, (F,) each -> c2w (F, 4, 4) at the origin."""
    given = next(angle for angle in (yaw, pitch, roll) if angle is not None)
    radians = [torch.zeros_like(given) if a is None else torch.deg2rad(a) for a in (yaw, pitch, roll)]
    return pose(rotation(*radians), given.new_zeros(len(given), 3))


def _around(degrees: Tensor, radius: Tensor, up: Tensor, ahead: float) -> Tensor:
    """Cameras on circles about the point `ahead` metres in front of the first one, looking at it."""
    angle, centre = torch.deg2rad(degrees), degrees.new_tensor([0.0, 0.0, ahead])
    away = torch.stack([angle.sin() * radius, -up, -angle.cos() * radius], -1)
    return pose(look_at(centre + away, centre), centre + away)


def _ramp(x: Tensor) -> Tensor:
    """The integral of smoothstep 3 x^2 - 2 x^3, which goes on as x - 1/2 beyond 1."""
    inside = x.clamp(0, 1)
    return inside**3 - inside**4 / 2 + (x - 1).clamp(min=0)
