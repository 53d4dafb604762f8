"""Rounds: fly with the student, then train on what was flown. What all stages of distillation share."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from flythrough.compile import compile_blocks
from flythrough.conditioning import CameraEncoding, Conditioning
from flythrough.model.transformer import SanaWM
from flythrough.sampling.graphs import Steps
from flythrough.text.base import TextEncoder
from flythrough.train.data import (
    ClipBatch,
    ClipConfig,
    bf16,
    encoded,
    held_out,
    kept_as,
    side_by_side,
    to_bytes,
)
from flythrough.train.flights import Batch, Flights, FlightsConfig, batch_of
from flythrough.train.rollout import rollout
from flythrough.vae.base import VideoVAE


@dataclass(frozen=True, kw_only=True)
class RoundsConfig:
    flights: tuple[FlightsConfig, ...]  # one entry a length
    held_out: ClipConfig  # the flights of validation
    encoding: CameraEncoding
    schedules: tuple[
        tuple[float, ...], ...
    ]  # sigmas of every number of steps to fly with, the most steps first
    round_steps: int = 100
    at_once: int = 32  # flights of one rollout, which costs the same for a few of them: launching kernels
    held_out_worlds: int = 8
    filmed: int = 2  # flights in the films of a run
    marks: tuple[float, ...] = (1.0, 2.5, 5.0, 20.0)  # seconds at which validation looks at a flight
    latents_per_second: float = 2.0


Config = TypeVar("Config", bound=RoundsConfig)


class DistillStage(ABC, Generic[Config]):
    """A round flies all flights at hand, then trains on them for `round_steps` steps. Subclasses bring the loss."""

    def __init__(
        self,
        student: SanaWM,
        vae: VideoVAE,
        text: TextEncoder,
        config: Config,
        device: torch.device,
        teacher: SanaWM | None = None,
    ) -> None:
        """teacher: frozen; by default a copy of the student as it is now."""
        self.student, self.device = student.to(device), device
        self.teacher = (teacher or copy.deepcopy(student)).to(device).requires_grad_(False)
        self.vae, self.text, self.config = vae, text, config
        self.flights = [Flights(flights, self._encode, device) for flights in config.flights]
        self.schedules = [torch.tensor(sigmas, device=device) for sigmas in config.schedules]
        self._step = 0
        self._lots = torch.Generator()
        self._steps: dict[SanaWM, Steps] = {}  # of every player
        self._no_words = tuple(part.to(device) for part in text.encode([""]))
        truth = held_out(config.held_out, device, config.held_out_worlds)
        self._film = truth.video[: config.filmed].clone()
        self._held_out = batch_of(self._encode(truth), {})

    @property
    def model(self) -> nn.Module:
        """What is trained."""
        return self.student

    @property
    def players(self) -> tuple[SanaWM, ...]:
        return self.student, self.teacher

    @property
    def position(self) -> dict[str, Any]:
        """All that a resumed run needs to go on exactly, in the middle of a round too."""
        return {"step": self._step, "flights": [flights.position for flights in self.flights]}

    @position.setter
    def position(self, position: dict[str, Any]) -> None:
        self._step = position["step"]
        for flights, place in zip(self.flights, position["flights"], strict=True):
            flights.position = place

    def compile(self) -> None:
        """Compile parts of all players, for every length of flight and window there is."""
        import torch._dynamo

        torch._dynamo.config.recompile_limit = 64
        for player in self.players:
            compile_blocks(player)

    def next_batch(self, share: float) -> Batch:
        """Flights of one length, drawn by lot."""
        self._lots.manual_seed(self._step)
        number, step = divmod(self._step, self.config.round_steps)
        for flights in self.flights:
            if step == 0 and number % flights.config.renew_every == 0:
                flights.renew()
            if step == 0 or not flights.made:
                flights.made = self._prepare(flights)
        self._step += 1
        return self.flights[self.lot(len(self.flights))].draw()

    def lot(self, count: int) -> int:
        """A number below `count` by lot, the same in every process: all of them compute, and compile, equal shapes."""
        return int(torch.randint(count, (), generator=self._lots))

    @abstractmethod
    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]: ...

    def prepare(self, batch: Batch) -> dict[str, Tensor]:
        """What a round adds to flights, (B, ...) each: at least `past`, as the student's own flight left it."""
        return {"past": self.fly(self.student, batch, torch.randn_like(batch.latents), self.any_schedule())}

    def fly(
        self,
        model: SanaWM,
        batch: Batch,
        noise: Tensor,
        sigmas: Tensor,
        own: tuple[bool, ...] | None = None,
    ) -> Tensor:
        """See rollout; by default the whole flight is the model's."""
        chunks = batch.latents.shape[2] // model.config.chunk
        with torch.compiler.set_stance("force_eager"):
            steps = self._steps.setdefault(model, Steps(model))
            return rollout(steps, batch.latents, noise, batch.cond, sigmas, own or (True,) * chunks)

    def any_schedule(self) -> Tensor:
        """That of the most steps, with which one flies, more often than the others."""
        return self.schedules[min(self.lot(len(self.schedules)), self.lot(len(self.schedules)))]

    def any_question(self) -> Tensor:
        """The levels down to a question that a sampler asks; every question of every sampler is equally likely."""
        questions = [sigmas[: n + 1] for sigmas in self.schedules for n in range(len(sigmas) - 1)]
        return questions[self.lot(len(questions))]

    def without_words(self, cond: Conditioning, which: Tensor) -> Conditioning:
        """The chosen clips (B,) bool with an empty prompt."""
        words, mask = self._no_words
        return replace(
            cond,
            text=torch.where(which[:, None, None], words.to(cond.text), cond.text),
            text_mask=torch.where(which[:, None], mask, cond.text_mask),
        )

    def validate(self) -> dict[str, float]:
        """Free flights by the student, with every number of steps."""
        return self.scores(self.student, self.schedules)

    def scores(self, model: SanaWM, schedules: list[Tensor]) -> dict[str, float]:
        """Free flights over held-out worlds, after so many seconds: the squared error of the latents against the
        truth, and their standard deviation by the truth's. The same noise every time.

        The error does not tell lost from different: a flight that fades to grey has an error near 1 and a deviation
        near 0; one that shows another place in full colour 2 and 1.
        """
        batch, scores = self._held_out, {}
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(0)
            noise = torch.randn_like(batch.latents)
        for sigmas in schedules:
            made = self.fly(model, batch, noise, sigmas)
            for mark in self.config.marks:
                at = round(mark * self.config.latents_per_second)
                flown, true = made[:, :, at], batch.latents[:, :, at]
                spread = flown.flatten(1).std(1) / true.flatten(1).std(1)
                name = f"{len(sigmas) - 1}_steps_{mark:g}_s"
                scores[f"error/{name}"] = float((flown - true).square().mean())
                scores[f"spread/{name}"] = float(spread.mean())
        return scores

    @torch.no_grad()
    def sample(self) -> Tensor:
        """Held-out flights side by side, truth above what the student flies with the most steps."""
        batch = self._held_out.clips(slice(len(self._film)))
        made = self.fly(self.student, batch, torch.randn_like(batch.latents), self.schedules[0])
        state, films = None, []
        for latents in made.split(20, dim=2):
            with bf16(self.device), torch.compiler.set_stance("force_eager"):
                video, state = self.vae.decode_chunk(latents, state)
            films.append(to_bytes(video.movedim(1, 2).flatten(0, 1)).unflatten(0, (len(made), -1)))
        return side_by_side(self._film, torch.cat(films, dim=1).movedim(2, -1))

    def _prepare(self, flights: Flights) -> dict[str, Tensor]:
        """`prepare` for all flights, some at a time; latents and their like as they are kept."""
        parts = []
        for which in torch.arange(flights.config.count, device=self.device).split(self.config.at_once):
            made = self.prepare(flights.take(which))
            parts.append({name: t.to(kept_as(self.device)) if t.ndim == 5 else t for name, t in made.items()})
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def _encode(self, clips: ClipBatch) -> dict[str, Tensor]:
        return encoded(clips, self.vae, self.text, self.config.encoding)
