"""Distillation: a student of few steps, trained on its own flights.

Three stages, each of which begins where the one before ended. They share the rollouts and differ in the loss.

own     The past is partly the student's own flight, the target is the truth. Worlds are rendered, so the truth is
        known along every path, and plain flow matching teaches the way back from the student's own mistakes. It
        stays a model of any number of steps.
ode     After its own past, the student must say at once what the teacher finds in many steps from the same noise.
match   Distribution matching (DMD): what the student makes after its own past should be what the teacher could have
        made there. A frozen teacher and a critic look at it, by teacher forcing on the past that the student had.

SANA-WM's teacher and critic are bidirectional; here both are chunk-causal, which has two consequences. First, every
chunk is judged given its past, so by the chain rule whole flights are compared, but with the teacher's own flights,
not with the data: after a drifted past the teacher itself would drift on. Only the truth can teach it better, so `own`
comes first and its result is the teacher. Second, flights are also cut into windows whose first chunk has no past:
there the teacher says what any picture of a world looks like, and fog does not.

Other differences: the past is up to a round old, while the exit step is always the present student's; the weights
that write the memory learn with those that read it; the sampler goes down without fresh noise; every latent frame is
looked at from a noise level of its own; and one noised look serves student and critic.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from flythrough import flow
from flythrough.conditioning import Conditioning
from flythrough.model.transformer import SanaWM
from flythrough.text.base import TextEncoder
from flythrough.train.data import kept_as
from flythrough.train.flights import Batch
from flythrough.train.matching import matching_gradient, matching_loss, mean_over
from flythrough.train.rollout import answer, at_level, cut, descend, exit_step, holding
from flythrough.train.rounds import DistillStage, RoundsConfig
from flythrough.train.world_stage import moved
from flythrough.vae.base import VideoVAE


@dataclass(frozen=True, kw_only=True)
class OwnConfig(RoundsConfig):
    true_run: tuple[int, int] = (1, 8)  # so many chunks of a flight are shown as they are ...
    own_run: tuple[int, int] = (4, 24)  # ... then so many are the student's, and so on
    shift: float = 2.0  # of the noise levels; from here on as in the world's stage
    sampler_share: float = 0.5
    context_noise: float = 0.1
    context_noise_share: float = 0.3
    no_text_share: float = 0.15
    moved_share: float = 0.5
    moved_units: float = 4.0


@dataclass(frozen=True, kw_only=True)
class OdeConfig(RoundsConfig):
    teacher_sigmas: tuple[float, ...]
    teacher_at_once: int = 8  # flights


@dataclass(frozen=True, kw_only=True)
class MatchConfig(RoundsConfig):
    windows: tuple[
        int, ...
    ]  # latent frames that teacher and critic look at together; one is drawn for every step
    student_every: int = 4  # the critic learns at every step, the student at each so many
    shift: float = 2.0  # of the noise levels at which they look ...
    lowest: float = 0.02  # ... between these
    highest: float = 0.98
    guidance: float = 0.0  # on top of the teacher's answer so many times its difference to that without words


class OwnStage(DistillStage[OwnConfig]):
    """Flow matching on the truth, after a past that is partly the student's own."""

    def prepare(self, batch: Batch) -> dict[str, Tensor]:
        """past, and own (B, T) bool: which frames of it are the student's."""
        chunk = self.student.config.chunk
        own = self._runs(batch.latents.shape[2] // chunk)
        noise = torch.randn_like(batch.latents)
        past = self.fly(self.student, batch, noise, self.any_schedule(), own)
        mine = torch.tensor(own, device=self.device).repeat_interleave(chunk)
        return {"past": past, "own": mine.expand(len(batch), -1)}

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        config, latents, (B, _, T) = self.config, batch.latents, batch.latents.shape[:3]
        cond = self.without_words(batch.cond, self._chance(B) < config.no_text_share)
        elsewhere = self._chance(B) < config.moved_share
        cond = replace(cond, camera=moved(cond.camera, elsewhere, config.moved_units))
        uncertain = self._chance(B, 1) < config.context_noise_share
        context = self._chance(B, 1) * config.context_noise * uncertain
        past = flow.add_noise(batch.made["past"], torch.randn_like(latents), context[:, None, :, None, None])

        noise, sigma = torch.randn_like(latents), self._sigma(B, T)
        noisy = flow.add_noise(latents, noise, sigma[:, None, :, None, None])
        error = answer(self.student, past, noisy, sigma, cond) - flow.velocity(latents, noise)

        chunk = self.student.config.chunk
        after = batch.made["own"].roll(chunk, dims=1)
        after[:, :chunk] = False
        parts = {"after_truth": mean_over(error, ~after), "after_own": mean_over(error, after)}
        return error.square().mean(), parts

    def _runs(self, chunks: int) -> tuple[bool, ...]:
        """Which chunks are the student's: true and own runs of random length take turns."""
        own: list[bool] = []
        while len(own) < chunks:
            for mine, (low, high) in ((False, self.config.true_run), (True, self.config.own_run)):
                own += [mine] * int(torch.randint(low, high + 1, ()))
        return tuple(own[:chunks])

    def _sigma(self, B: int, T: int) -> Tensor:
        """A noise level for every frame: logit-normal, or one at which the sampler will ask."""
        spread = flow.shift(torch.sigmoid(torch.randn(B, T, device=self.device)), self.config.shift)
        levels = self.schedules[0][:-1]
        asked = levels[torch.randint(len(levels), (B, T), device=self.device)]
        return torch.where(self._chance(B, T) < self.config.sampler_share, asked, spread)

    def _chance(self, *shape: int) -> Tensor:
        return torch.rand(shape, device=self.device)


class OdeStage(DistillStage[OdeConfig]):
    """What the teacher finds in many steps from the same noise after the same past.

    The student is asked where its own steps lead, not on the teacher's path: the sampler adds no fresh noise on its
    way down, so these are the questions it will hear.
    """

    def prepare(self, batch: Batch) -> dict[str, Tensor]:
        """past, noise, and target, where the teacher gets to from that noise."""
        made = super().prepare(batch)
        made["noise"] = torch.randn_like(batch.latents).to(kept_as(self.device)).float()  # as it will be kept
        whole, targets = Batch(batch.latents, batch.cond, made), []
        sigmas = torch.tensor(self.config.teacher_sigmas, device=self.device)
        for begin in range(0, len(batch), self.config.teacher_at_once):
            some = whole.clips(slice(begin, begin + self.config.teacher_at_once))
            x, held = holding(some.made["noise"], some.latents)
            targets.append(descend(self.teacher, some.made["past"], x, some.cond, sigmas, held))
        return {**made, "target": torch.cat(targets)}

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        x, held = holding(batch.made["noise"], batch.latents)
        levels = self.any_question()
        clean = exit_step(self.student, batch.made["past"], x, batch.cond, levels, held)
        return mean_over(clean - batch.made["target"], ~held), {}


class MatchStage(DistillStage[MatchConfig]):
    """Distribution matching. Every noised look serves both: the critic learns from it, and its answer is the fake
    score that moves the student."""

    def __init__(
        self,
        student: SanaWM,
        vae: VideoVAE,
        text: TextEncoder,
        config: MatchConfig,
        device: torch.device,
        teacher: SanaWM | None = None,
    ) -> None:
        super().__init__(student, vae, text, config, device, teacher)
        self.critic = copy.deepcopy(self.teacher).requires_grad_(True)
        self._trained = nn.ModuleDict({"student": self.student, "critic": self.critic})

    @property
    def model(self) -> nn.Module:
        """Student and critic: one loss, whose parts touch one of them each."""
        return self._trained

    @property
    def players(self) -> tuple[SanaWM, ...]:
        return self.student, self.teacher, self.critic

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        turn = (self._step - 1) % self.config.student_every == 0
        self.student.requires_grad_(turn)  # otherwise it has no part in this step, nor its optimizer
        x, held = holding(torch.randn_like(batch.latents), batch.latents)
        past, cond, levels = batch.made["past"], batch.cond, self.any_question()
        with torch.set_grad_enabled(turn):
            made = exit_step(self.student, past, x, cond, levels, held)
        made, past, cond, held = self._window(made, past, cond, held)

        sigma = at_level(self._levels(*held.shape), held)
        lifted = sigma[:, None, :, None, None]
        noise = torch.randn_like(made)
        noisy = flow.add_noise(made.detach(), noise, lifted)
        velocity = answer(self.critic, past, noisy, sigma, cond)
        critic = mean_over(velocity - flow.velocity(made.detach(), noise), ~held)
        if not turn:
            return critic, {"critic": critic}
        real, fake = self._real(past, noisy, sigma, cond), flow.clean(noisy, velocity, lifted)
        student = matching_loss(made, matching_gradient(made, real, fake), ~held)
        return critic + student, {"critic": critic, "student": student * self.config.student_every}

    @torch.no_grad()
    def _real(self, past: Tensor, noisy: Tensor, sigma: Tensor, cond: Conditioning) -> Tensor:
        """The clean latents that the teacher sees in what was noised."""
        velocity = answer(self.teacher, past, noisy, sigma, cond)
        if self.config.guidance:
            everyone = torch.ones(len(noisy), dtype=torch.bool, device=self.device)
            plain = answer(self.teacher, past, noisy, sigma, self.without_words(cond, everyone))
            velocity = velocity + self.config.guidance * (velocity - plain)
        return flow.clean(noisy, velocity, sigma[:, None, :, None, None])

    def _levels(self, B: int, T: int) -> Tensor:
        """Of every frame, since teacher and critic are asked about each after a clean past."""
        sigma = flow.shift(torch.rand(B, T, device=self.device), self.config.shift)
        return sigma.clamp(self.config.lowest, self.config.highest)

    def _window(
        self, made: Tensor, past: Tensor, cond: Conditioning, held: Tensor
    ) -> tuple[Tensor, Tensor, Conditioning, Tensor]:
        """Flights cut into windows of one of the lengths, from a random chunk on; what is left over is not seen."""
        T, chunk = made.shape[2], self.student.config.chunk
        length = min(T, self.config.windows[self.lot(len(self.config.windows))])
        count = T // length
        start = chunk * self.lot((T - count * length) // chunk + 1)
        told = Conditioning(
            text=cond.text.repeat_interleave(count, 0),
            text_mask=cond.text_mask.repeat_interleave(count, 0),
            camera=cut(cond.camera, 1, start, length),
            plucker=cut(cond.plucker, 2, start, length),
        )
        return cut(made, 2, start, length), cut(past, 2, start, length), told, cut(held, 1, start, length)


def distill_stage(
    config: OwnConfig | OdeConfig | MatchConfig,
    student: SanaWM,
    vae: VideoVAE,
    text: TextEncoder,
    device: torch.device,
    teacher: SanaWM | None = None,
) -> OwnStage | OdeStage | MatchStage:
    """The stage that a config is of."""
    match config:
        case OwnConfig():
            return OwnStage(student, vae, text, config, device, teacher)
        case OdeConfig():
            return OdeStage(student, vae, text, config, device, teacher)
        case MatchConfig():
            return MatchStage(student, vae, text, config, device, teacher)
