"""One live flight: what is known of it, and, while it is in memory, its session, its controls and whoever flies it."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from flythrough.film import Coming
from flythrough.serve.controls import Controls, Flown, Heard
from flythrough.serve.hangar import Facts
from flythrough.session import Session


class Client(Protocol):
    """Whoever sits in a flight."""

    paused: bool

    def leave(self, code: int, reason: str) -> None:
        """Make room, soon."""


@dataclass
class Flight:
    """One flight, in memory or on disk. place: whether it takes one of those in memory."""

    facts: Facts
    session: Session | None = None
    controls: Controls | None = None
    client: Client | None = None
    place: bool = False
    changed: bool = True  # since it was written last
    kept: bool = False  # whether it was ever written
    saved_at: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)  # whoever works on the session
    door: asyncio.Lock = field(default_factory=asyncio.Lock)  # whoever comes or goes
    pen: asyncio.Lock = field(default_factory=asyncio.Lock)  # whoever writes its file
    held: ExitStack = field(default_factory=ExitStack)  # the model stays as long as the flight

    @property
    def id(self) -> str:
        return self.facts.id

    @property
    def at(self) -> Session:
        """The session of a flight in memory."""
        assert self.session is not None
        return self.session

    @property
    def steering(self) -> Controls:
        """The controls of a flight in memory."""
        assert self.controls is not None
        return self.controls

    def noted(self) -> Facts:
        """The facts as they are now."""
        if self.session is not None:
            now = {
                "frames_made": self.at.frames_made,
                "poses_known": self.at.poses_known,
                "prompt": self.at.prompt,
            }
            self.facts = self.facts.model_copy(update=now)
        return self.facts

    def used(self) -> None:
        self.facts.last_used_at = time.time()

    @property
    def wanted(self) -> int:
        """Frames that the camera must move on by for the next chunk to be whole."""
        session = self.at
        return max(1, max(session.frames_made, 1) + session.chunk_frames - max(session.poses_known, 1))

    @property
    def ready(self) -> bool:
        """Whether the next chunk can be told where to go."""
        return self.steering.ready(self.wanted + (self.at.poses_known == 0))

    def make(self) -> Made:
        """Fly the next chunk. Raises InputError for poses that cannot be flown; they are gone then."""
        begun, session = time.monotonic(), self.at
        pieces, heard = self.steering.take(self.wanted, session.poses_known == 0, self._lens)
        self.changed = True
        first = session.frames_made
        with session.later() as coming:
            for piece in pieces:
                if isinstance(piece, Flown):
                    session.push(piece.c2w, piece.intrinsics)
                else:
                    session.hold(piece.keys, piece.frames)
        frames = range(first, session.frames_made)
        return Made(
            coming=coming,
            frames=frames,
            poses=session.where(frames).c2w.flatten(1).numpy(),
            heard=heard,
            begun=begun,
            left=time.monotonic(),
            prompt_share=session.heard[-1][1],
        )

    @property
    def _lens(self) -> Tensor:
        """(4,) fx fy cx cy as it is now."""
        known = self.at.poses_known
        if known:
            return self.at.where(range(known - 1, known)).intrinsics[0]
        return torch.tensor(self.at.terms.lens, dtype=torch.float64)


@dataclass(frozen=True, kw_only=True)
class Made:
    """What one turn has made; coming: its frames, which may still be decoded. By the monotonic clock, begun: when the
    turn had come; left: when it was over."""

    coming: Coming
    frames: range
    poses: np.ndarray
    heard: Heard
    begun: float
    left: float
    prompt_share: float
