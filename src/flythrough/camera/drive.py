"""A recorded drive: which keys were held when, and what was said. A camera path that a text editor changes.

    {"format": "flythrough.drive", "version": 1,
     "keys": "flythrough", "fps": 16, "width": 448, "height": 256, "fov_deg": 70,
     "events": [
       {"t": 0, "keys": "w"},
       {"t": 1.5, "keys": "w+d", "say": "a bridge at night"},
       {"t": 3, "keys": ""}],
     "end": 4}

t           seconds of the film since its first frame, never falling; the nearest frame is meant
keys        of an event: what is held from then on, "w+d" or "wd"; "" or "none" holds nothing. At first nothing is
say         the prompt from then on; a camera path does without it
keys        of the file: the dialect of the letters, see `flythrough.camera.keys`
fps         frames a second. Every frame is one step of the keys, as in a key string
intrinsics  fx fy cx cy in pixels of width x height, where fov_deg (horizontal) does not say it all
end         how long the drive is, in seconds

Left out, fps, size and lens are those of the caller, and the dialect is flythrough. end x fps frames give one pose
more, as in a key string.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from flythrough.camera import files
from flythrough.camera import intrinsics as lens
from flythrough.camera.keys import DIALECTS, MOST_FRAMES, Dialect, LiveKeys, named, segments
from flythrough.errors import InputError

FIELDS = {
    "format",
    "version",
    "keys",
    "fps",
    "width",
    "height",
    "fov_deg",
    "intrinsics",
    "events",
    "end",
}
NOTHING = "none"
LARGEST = 1e12  # beyond any number of seconds, degrees or pixels that could be meant


@dataclass(frozen=True, kw_only=True)
class Event:
    """From this frame on these keys are held, or this prompt is heard; None: as before."""

    frame: int
    keys: frozenset[str] | None = None
    say: str | None = None


@dataclass(frozen=True, kw_only=True)
class Span:
    """So many frames under the same keys; `say` is a prompt that changes where they begin. frames may be 0."""

    keys: frozenset[str]
    frames: int
    say: str | None = None


@dataclass(frozen=True, kw_only=True)
class Drive:
    """Keys and prompts over time, checked when read.

    events  by frame, never falling, at most `frames`
    frames  how many steps the keys make; there is one pose more
    lens    (fx, fy, cx, cy) in pixels of height x width, or None where the caller knows it
    """

    events: tuple[Event, ...]
    frames: int
    dialect: str = "flythrough"
    fps: float = 16.0
    height: int = 256
    width: int = 448
    lens: tuple[float, ...] | None = None

    @classmethod
    def from_keys(cls, text: str, dialect: str = "flythrough", **more: Any) -> Drive:
        """The drive that a key string such as "w-40,jw-20" describes. more: fps, height, width and lens."""
        events, frame = [], 0
        for held, frames in segments(text, named(dialect)):
            events.append(Event(frame=frame, keys=held))
            frame += frames
        return cls(events=tuple(events), frames=frame, dialect=dialect, **more)

    @classmethod
    def read(cls, path: str | Path, **given: Any) -> Drive:
        """Read a file as above; given: fps, height, width and keys, where it has none.

        Raises InputError, one sentence, for whatever is not as above.
        """
        path = Path(path)
        files.check_exists(path)
        data = files.read_json(path)
        if data.get("format") != files.DRIVE:
            raise InputError(f'{path}: it is no recorded drive; one has "format": "{files.DRIVE}"')
        defaults = {"fps": 16.0, "height": 256, "width": 448}
        return cls.from_dict(defaults | given | data, path.name)

    @classmethod
    def from_dict(cls, given: dict[str, Any], source: str) -> Drive:
        """The fields of a file, with fps, height and width surely there."""
        if unknown := sorted(given.keys() - FIELDS):
            raise InputError(
                f"{source}: it has an unknown field '{unknown[0]}'; known are {', '.join(sorted(FIELDS))}"
            )
        if missing := [name for name in ("events", "end") if name not in given]:
            raise InputError(f"{source}: a recorded drive has no {missing[0]}")
        height, width, fps = files.numbers(given, source)
        dialect = given.get("keys", "flythrough")
        if not isinstance(dialect, str) or dialect not in DIALECTS:
            raise InputError(f"{source}: keys dialect is '{dialect}'; there are {', '.join(DIALECTS)}")
        frames = _frame(given["end"], fps, f"{source}: end")
        if frames == 0:
            raise InputError(
                f"{source}: end is {given['end']}; a drive lasts at least one frame, {1 / fps:g} s"
            )
        return cls(
            events=_events(given["events"], fps, frames, DIALECTS[dialect], source),
            frames=frames,
            dialect=dialect,
            fps=fps,
            height=height,
            width=width,
            lens=_lens(given, height, width, source),
        )

    def write(self, path: str | Path) -> None:
        """Write the file, whole or not at all. Raises InputError where that is not possible."""
        files.write_text(Path(path), self._json())

    @property
    def seconds(self) -> float:
        return self.frames / self.fps

    @property
    def opening_prompt(self) -> str | None:
        """What is said first at the very beginning, if anything is."""
        said = (event.say for event in self.events if event.frame == 0 and event.say is not None)
        return next(said, None)

    def unsaid(self) -> Drive:
        """The same drive without what is said at the very beginning: its opening has a prompt of its own."""
        events = [replace(event, say=None) if event.frame == 0 else event for event in self.events]
        return replace(
            self, events=tuple(event for event in events if (event.keys, event.say) != (None, None))
        )

    def spans(self) -> Iterator[Span]:
        """The drive as keys held for so many frames, in order. Of one frame's keys the last are meant."""
        held: frozenset[str] = frozenset()
        begun, said = 0, None
        for event in self.events:
            if event.frame > begun or (said is not None and event.say is not None):
                yield Span(keys=held, frames=event.frame - begun, say=said)
                begun, said = event.frame, None
            held = held if event.keys is None else event.keys
            said = said if event.say is None else event.say
        if self.frames > begun or said is not None:
            yield Span(keys=held, frames=self.frames - begun, say=said)

    def c2w(self) -> Tensor:
        """(frames + 1, 4, 4) float64: where the keys take the camera, from the identity on, as `Session.hold` does."""
        live = LiveKeys(self.dialect)
        poses = [live.c2w]
        for span in self.spans():
            poses += [live.step(span.keys) for _ in range(span.frames)]
        return torch.stack(poses)

    def _json(self) -> str:
        """One event a line, so that a hand finds it."""
        head: dict[str, Any] = {"format": files.DRIVE, "version": files.VERSION, "keys": self.dialect}
        head |= {"fps": self.fps, "width": self.width, "height": self.height}
        if self.lens is not None:
            head["intrinsics"] = list(self.lens)
        fields = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
        lines = [f"    {json.dumps(self._plain(event), ensure_ascii=False)}" for event in self.events]
        fields.append('  "events": [' + ("\n" + ",\n".join(lines) + "\n  ]" if lines else "]"))
        fields.append(f'  "end": {json.dumps(self.seconds)}')
        return "{\n" + ",\n".join(fields) + "\n}\n"

    def _plain(self, event: Event) -> dict[str, Any]:
        found: dict[str, Any] = {"t": event.frame / self.fps}
        if event.keys is not None:
            found["keys"] = spelled(event.keys, DIALECTS[self.dialect])
        if event.say is not None:
            found["say"] = event.say
        return found


def spelled(held: frozenset[str], dialect: Dialect) -> str:
    """Held keys as they are written: "w+d" in the dialect's own order, "" for none."""
    return "+".join(letter for letter in dialect.letters if letter in held)


def _events(listed: Any, fps: float, frames: int, dialect: Dialect, source: str) -> tuple[Event, ...]:
    if not isinstance(listed, list):
        raise InputError(f'{source}: events is not a list of objects such as {{"t": 1.5, "keys": "w+d"}}')
    found: list[Event] = []
    for number, given in enumerate(listed):
        where = f"{source}: event {number}"
        if not isinstance(given, dict):
            raise InputError(f'{where} is not an object such as {{"t": 1.5, "keys": "w+d"}}')
        if unknown := sorted(given.keys() - {"t", "keys", "say"}):
            raise InputError(f"{where} has an unknown field '{unknown[0]}'; known are t, keys and say")
        if "t" not in given:
            raise InputError(f"{where} has no t, its time in seconds")
        if not given.keys() & {"keys", "say"}:
            raise InputError(f"{where} has neither keys nor say")
        frame = _frame(given["t"], fps, f"{where}: t")
        if found and frame < found[-1].frame:
            raise InputError(
                f"{where} is at {given['t']:g} s, before the one above it at {listed[number - 1]['t']:g} s; "
                "times must not fall"
            )
        if frame > frames:
            raise InputError(f"{where} is at {given['t']:g} s, after the drive's end at {frames / fps:g} s")
        keys = _held(given["keys"], dialect, where) if "keys" in given else None
        say = given.get("say")
        if "say" in given and not isinstance(say, str):
            raise InputError(f"{where}: say is {say}; expected a prompt in quotes")
        found.append(Event(frame=frame, keys=keys, say=say))
    return tuple(found)


def _held(text: Any, dialect: Dialect, where: str) -> frozenset[str]:
    if not isinstance(text, str):
        raise InputError(f"{where}: keys is {text}; expected letters in quotes, such as 'w+d'")
    plain = "".join(text.lower().split())
    letters = frozenset() if plain == NOTHING else frozenset(plain.replace("+", ""))
    if unknown := sorted(letters - dialect.letters.keys()):
        known = " ".join(dialect.letters)
        raise InputError(
            f"{where}: '{unknown[0]}' is no key of {dialect.name}; its keys are {known} and none"
        )
    return letters


def _frame(seconds: Any, fps: float, where: str) -> int:
    """The frame nearest to a time in seconds."""
    if not _finite(seconds) or seconds < 0:
        raise InputError(f"{where} is {seconds}; expected seconds from 0 on")
    if seconds * fps > MOST_FRAMES:
        raise InputError(f"{where} is {seconds:g} s; a drive has at most {MOST_FRAMES} frames, an hour")
    return round(seconds * fps)


def _lens(given: dict[str, Any], height: int, width: int, source: str) -> tuple[float, ...] | None:
    if "fov_deg" in given and "intrinsics" in given:
        raise InputError(f"{source}: it has both fov_deg and intrinsics; one is enough")
    if "intrinsics" in given:
        numbers = given["intrinsics"]
        if not isinstance(numbers, list) or len(numbers) != 4 or not all(_finite(x) for x in numbers):
            raise InputError(f"{source}: intrinsics is {numbers}; expected four numbers, fx fy cx cy")
        known = torch.tensor(numbers, dtype=torch.float64)
    elif "fov_deg" in given:
        if not _finite(given["fov_deg"]):
            raise InputError(f"{source}: fov_deg is {given['fov_deg']}; expected degrees")
        known = lens.from_fov(float(given["fov_deg"]), height, width)
    else:
        return None
    lens.check_intrinsics(known[None], height, width, source)
    return tuple(known.tolist())


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < LARGEST
