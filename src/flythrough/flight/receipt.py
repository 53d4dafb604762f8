"""A chunk's receipt: what was made of what, and how long it took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import torch

Mark: TypeAlias = float | torch.cuda.Event


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
    """Parts of work on a device. On a GPU the device keeps the time, and nothing waits for it before the end."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._parts: dict[str, tuple[Mark, Mark]] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """What the block does has this name."""
        begin = self._now()
        yield
        self._parts[name] = begin, self._now()

    def seconds(self) -> dict[str, float]:
        """Seconds of every part; waits until they have ended."""
        found = {}
        for name, (begin, end) in self._parts.items():
            if isinstance(begin, float) or isinstance(end, float):
                found[name] = float(end) - float(begin)  # pyrefly: ignore[bad-argument-type]
            else:
                end.synchronize()
                found[name] = begin.elapsed_time(end) / 1000
        return found

    def _now(self) -> Mark:
        if self._device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self._device))
        return event
