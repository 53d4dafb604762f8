"""The flights that a round of distillation is about: where they go, what is really there, what players made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from flythrough.conditioning import Conditioning
from flythrough.errors import InputError
from flythrough.train import parallel
from flythrough.train.data import ClipBatch, ClipConfig, ClipSource


@dataclass(frozen=True, kw_only=True)
class FlightsConfig:
    clips: ClipConfig
    count: int  # flights at hand, of every process
    batch: int  # of them make a step
    renew_every: int = 1  # after so many rounds others take their place

    def __post_init__(self) -> None:
        at_once = self.clips.clips_per_world * self.clips.worlds_per_batch
        if self.count % at_once:
            raise InputError(
                f"count is {self.count}; it must be a multiple of the {at_once} clips of a batch"
            )


@dataclass
class Batch:
    """Some flights in float32: latents (B, C, T, h, w), the truth; made: by name what was added, (B, ...) each."""

    latents: Tensor
    cond: Conditioning
    made: dict[str, Tensor]

    def __len__(self) -> int:
        return len(self.latents)

    def clips(self, which: slice) -> Batch:
        """Some of them."""
        made = {name: tensor[which] for name, tensor in self.made.items()}
        return Batch(self.latents[which], self.cond.clips(which), made)


class Flights:
    """`count` flights in device memory. What players made is saved with a run; the rest is rendered again."""

    def __init__(
        self, config: FlightsConfig, encode: Callable[[ClipBatch], dict[str, Tensor]], device: torch.device
    ) -> None:
        self.config, self.device, self._encode = config, device, encode
        self._source: ClipSource | None = None
        self._first = 0  # the world that the flights at hand begin with
        self.truth: dict[str, Tensor] = {}
        self.made: dict[str, Tensor] = {}

    def renew(self) -> None:
        """Other flights, through the worlds that come next."""
        if self._source is None:
            self._source = ClipSource(self.config.clips, self.device, self._first)
        self._first, parts, have = self._source.position, [], 0
        while have < self.config.count:
            parts.append(self._encode(next(self._source)))
            have += len(parts[-1]["latents"])
        self.truth = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        self.made = {}

    def take(self, which: Tensor) -> Batch:
        """Some of the flights, by their numbers (B,)."""
        return batch_of(
            {name: tensor[which] for name, tensor in self.truth.items()},
            {name: tensor[which] for name, tensor in self.made.items()},
        )

    def draw(self) -> Batch:
        """A random batch."""
        return self.take(torch.randint(self.config.count, (self.config.batch,), device=self.device))

    @property
    def position(self) -> dict[str, Any]:
        """What a checkpoint needs to go on in the middle of a round: plain numbers and tensors."""
        return {"first": self._first, "processes": parallel.count(), "made": self.made}

    @position.setter
    def position(self, position: dict[str, Any]) -> None:
        """Render the same flights again. What was made of them is the leader's: other processes make their own."""
        self._source, self._first = None, position["first"]
        if position["made"]:
            self.renew()
            if parallel.rank() == 0 and parallel.count() == position["processes"]:
                self.made = position["made"]


def batch_of(truth: dict[str, Tensor], made: dict[str, Tensor]) -> Batch:
    """What `train.data.encoded` returns, and what was made of it, in float32."""
    return Batch(
        truth["latents"].float(),
        Conditioning(
            text=truth["text"].float(),
            text_mask=truth["text_mask"],
            camera=truth["camera"],
            plucker=truth["plucker"].float(),
        ),
        {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in made.items()},
    )
