"""A chunk's receipt: what was made of what, and how long it took."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise

import torch


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """One chunk of a flight.

    chunk    its number, from 0
    frames   pixel frames of the flight that it shows
    poses    pixel frames whose poses it was told; the first is the last of the chunk before
    prompts  what it was told in words, each with its share of 1
    seconds  by stage: model, refine (where there is a second stage), decode (with the way to the host)
    """

    chunk: int
    frames: range
    poses: range
    prompts: tuple[tuple[str, float], ...]
    seconds: dict[str, float]

    @property
    def total_s(self) -> float:
        return sum(self.seconds.values())


class Stopwatch:
    """Laps of work on a device. On a GPU the device keeps the time, and nothing waits for it before the end."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._laps = [("", *self._now())]

    def lap(self, name: str) -> None:
        """What was done since the last lap has this name."""
        self._laps.append((name, *self._now()))

    def seconds(self) -> dict[str, float]:
        """Seconds of every lap; waits until the last one has ended."""
        last = self._laps[-1][2]
        if last is not None:
            last.synchronize()
        found: dict[str, float] = {}
        for (_, begun, begin), (name, ended, end) in pairwise(self._laps):
            found[name] = ended - begun if begin is None or end is None else begin.elapsed_time(end) / 1000
        return found

    def _now(self) -> tuple[float, torch.cuda.Event | None]:
        if self._device.type != "cuda":
            return time.perf_counter(), None
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        return 0.0, event
