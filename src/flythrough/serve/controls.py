"""What steers a live flight until its next chunk: keys of a script, keys held now, or poses in a queue."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

import torch
from torch import Tensor

from flythrough.camera.intrinsics import check_intrinsics
from flythrough.camera.keys import Dialect, segments
from flythrough.camera.pose import check_poses
from flythrough.serve.realtime import POSES, SCRIPT_FRAMES, Action, CameraActions, HeldKeys, Rejected
from flythrough.serve.realtime import Poses as PosesEvent

TAP_FRAMES = 8  # that a key counts for which was let go before anybody looked


@dataclass(frozen=True, kw_only=True)
class Held:
    """So many frames under the same keys."""

    keys: frozenset[str]
    frames: int


@dataclass(frozen=True, kw_only=True)
class Flown:
    """Poses (n, 4, 4) and lenses (n, 4), float64."""

    c2w: Tensor
    intrinsics: Tensor


Piece: TypeAlias = Held | Flown


@dataclass(frozen=True, kw_only=True)
class Heard:
    """The newest event that a chunk follows. arrived: by the monotonic clock; None for what nobody has sent."""

    event_id: int | None = None
    client_ts_ms: float | None = None
    arrived: float | None = None


class Controls:
    """Events in, from the socket; the frames of a chunk out, in the thread that makes them."""

    def __init__(self, dialect: Dialect, height: int, width: int) -> None:
        self._dialect, self._size = dialect, (height, width)
        self._lock = threading.Lock()
        self._script: deque[frozenset[str]] = deque()
        self._held = frozenset[str]()
        self._tapped = frozenset[str]()  # pressed since the last chunk
        self._poses: deque[tuple[Tensor, Tensor | None]] = deque()
        self._waits = False  # for poses: without them there is no frame
        self._heard = Heard()

    def hear(self, event: CameraActions | Action | PosesEvent) -> None:
        """Take an event in. Raises Rejected or InputError, and then it has changed nothing."""
        heard = Heard(event_id=event.event_id, arrived=time.monotonic())
        if isinstance(event, PosesEvent):
            self.follow(event.payload.c2w, event.payload.intrinsics, wait=True, heard=heard)
        elif isinstance(event, Action):
            self.play(self.spelled(event.payload), heard)
        elif isinstance(event.payload, HeldKeys):
            states = [self._letters(step.actions) for step in event.payload.transitions]
            stamp = event.payload.transitions[-1].client_ts_ms
            self.hold(states, Heard(event_id=event.event_id, client_ts_ms=stamp, arrived=heard.arrived))
        else:
            self.play([self._letters(keys) for keys in event.payload], heard)

    def play(self, script: Iterable[frozenset[str]], heard: Heard | None = None) -> None:
        """Follow a script, a set of keys for each frame, in place of what there was; after it no key is held."""
        with self._lock:
            self._clear()
            self._script.extend(script)
            self._heard = heard or self._heard

    def hold(self, states: Iterable[frozenset[str]], heard: Heard | None = None) -> None:
        """These keys are held, one state after the other, the last one until further notice."""
        with self._lock:
            held, tapped = self._held, self._tapped
            if self._script or self._poses or self._waits:
                held = tapped = frozenset()
            self._clear()
            for state in states:
                tapped |= state - held
                held = state
            self._held, self._tapped = held, tapped
            self._heard = heard or self._heard

    def follow(
        self,
        c2w: list[list[list[float]]],
        intrinsics: list[float] | list[list[float]] | None,
        *,
        wait: bool,
        heard: Heard | None = None,
    ) -> None:
        """Fly along poses, after those that wait already. wait: for more of them, where there are none."""
        poses = torch.tensor(c2w, dtype=torch.float64)
        check_poses(poses, "c2w")
        lenses = None
        if intrinsics is not None:
            lenses = torch.tensor(intrinsics, dtype=torch.float64)
            lenses = lenses.expand(len(poses), 4) if lenses.ndim == 1 else lenses
            if len(lenses) != len(poses):
                raise Rejected(f"there are {len(poses)} poses and {len(lenses)} lenses", param="intrinsics")
            check_intrinsics(lenses, *self._size, "intrinsics")
        with self._lock:
            waiting = len(self._poses)
            if waiting + len(poses) > POSES:
                text = f"{waiting} poses wait already; with {len(poses)} more they are over {POSES}"
                raise Rejected(text, "queue_full", "c2w", retryable=True)
            if not waiting:
                self._clear()
            self._waits = wait
            self._poses.extend((pose, None if lenses is None else lenses[i]) for i, pose in enumerate(poses))
            self._heard = heard or self._heard

    def let_go(self) -> None:
        """Nothing is held or queued; who flies by poses goes on to wait for some."""
        with self._lock:
            waits = self._waits
            self._clear()
            self._waits, self._heard = waits, Heard()

    def ready(self, frames: int) -> bool:
        """Whether so many frames can be told where to go."""
        with self._lock:
            return not self._waits or len(self._poses) >= frames

    def take(self, frames: int, first: bool, lens: Tensor) -> tuple[list[Piece], Heard]:
        """The next frames, at least one piece, and the newest event they have heard of.

        frames  that the camera moves on by; at the very first, poses are one more: where it starts
        lens    (4,) of poses that came without
        """
        with self._lock:
            heard, self._heard = self._heard, Heard(event_id=self._heard.event_id)
            if self._poses:
                count = min(len(self._poses), frames + first)
                taken = [self._poses.popleft() for _ in range(count)]
                lenses = torch.stack([lens if own is None else own for _, own in taken])
                pieces: list[Piece] = [Flown(c2w=torch.stack([pose for pose, _ in taken]), intrinsics=lenses)]
                rest = frames + first - count
                return pieces + ([Held(keys=frozenset(), frames=rest)] if rest else []), heard
            return [Held(keys=keys, frames=count) for keys, count in self._key_spans(frames)], heard

    def spelled(self, text: str) -> list[frozenset[str]]:
        """A key string as one set of keys a frame. Raises InputError."""
        spans = segments(text, self._dialect)
        if (total := sum(frames for _, frames in spans)) > SCRIPT_FRAMES:
            raise Rejected(
                f"the script lasts {total} frames; at most {SCRIPT_FRAMES} are possible", param="action"
            )
        return [keys for keys, frames in spans for _ in range(frames)]

    def scripted(self, script: list[list[str]]) -> list[frozenset[str]]:
        """A list of keys a frame, checked."""
        return [self._letters(keys) for keys in script]

    def _key_spans(self, frames: int) -> list[tuple[frozenset[str], int]]:
        if self._script:
            rows = [self._script.popleft() if self._script else frozenset[str]() for _ in range(frames)]
            return [(keys, len(list(group))) for keys, group in groupby(rows)]
        tapped, self._tapped = self._tapped - self._held, frozenset()
        tap = min(frames, TAP_FRAMES) if tapped else 0
        spans = [(self._held | tapped, tap), (self._held, frames - tap)]
        return [(keys, count) for keys, count in spans if count]

    def _clear(self) -> None:
        self._script.clear()
        self._poses.clear()
        self._held = self._tapped = frozenset()
        self._waits = False

    def _letters(self, keys: Iterable[str]) -> frozenset[str]:
        letters = frozenset(key.lower() for key in keys)
        if unknown := sorted(letters - self._dialect.letters.keys()):
            known = " ".join(self._dialect.letters)
            raise Rejected(
                f"'{unknown[0]}' is no key of {self._dialect.name}; its keys are {known}", param="actions"
            )
        return letters
