"""Training the world transformer: flow matching with teacher forcing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from flythrough import flow
from flythrough.compile import compile_blocks
from flythrough.conditioning import CameraEncoding, Conditioning
from flythrough.model.transformer import SanaWM
from flythrough.sampling.chunks import sample_chunk
from flythrough.text.base import TextEncoder
from flythrough.train.data import (
    ClipBatch,
    ClipConfig,
    ClipSource,
    Pool,
    bf16,
    encoded,
    held_out,
    mirror,
    side_by_side,
    to_bytes,
)
from flythrough.vae.base import VideoVAE


@dataclass(frozen=True, kw_only=True)
class WorldStageConfig:
    clips: ClipConfig
    encoding: CameraEncoding
    sigmas: tuple[float, ...]  # those of the sampler; what it asks for is trained most
    lengths: tuple[tuple[float, int], ...]  # (share of the run, latent frames a clip from there on)
    batch: int = 8  # clips of the longest length; shorter ones come in greater number
    pool: int = 6000
    fill: int = 400  # clips, mirror images among them, rendered before the first step
    refresh_every: int = 10  # steps between two rendered batches
    shift: float = 2.0  # sigma = shift(sigmoid(normal)), as in the specification with 9.95 for 106,480 tokens
    sampler_share: float = 0.5  # of the frames have one of the sampler's own noise levels
    context_noise: float = 0.2  # sigma ~ U(0, this) on the clean frames that later ones look back at ...
    context_noise_share: float = 0.7  # ... in this share of clips: a cure for drift
    own_context_from: float = 0.6  # from this share of the run on ...
    own_context_share: float = (
        0.33  # ... this share of clips comes again and looks back at what the model made of it
    )
    no_text_share: float = 0.15
    moved_share: float = 0.5  # of the clips are told poses in a world that is turned and moved ...
    moved_units: float = 4.0  # ... by about so much along each axis, as late in a long flight
    jump_share: float = (
        0.5  # of the steps say that the frames after the first come so many latent frames later ...
    )
    jump: int = 120  # ... at most: the first frame stays in sight for a minute, and clips are shorter
    from_start_share: float = 0.5  # of the crops shorter than a clip begin with its first frame
    held_out: int = 8  # validation worlds


class WorldStage:
    """Flow matching on latents with teacher forcing: each noisy frame sees the clean frames before it."""

    def __init__(
        self,
        model: SanaWM,
        vae: VideoVAE,
        text: TextEncoder,
        config: WorldStageConfig,
        device: torch.device,
    ) -> None:
        self.model, self.config, self.device = model.to(device), config, device
        self.vae, self.text = vae, text
        self.position, self._step = 0, 0
        self._source: ClipSource | None = None
        self._own = False
        self._made: tuple[Tensor, Tensor, Conditioning] | None = (
            None  # the last batch and what was made of it
        )
        self._levels = torch.tensor(config.sigmas[:-1], device=device)
        self._no_text = tuple(part[0].to(device) for part in text.encode([""]))
        self.pool = Pool(config.pool)
        self._truth = held_out(config.clips, device, config.held_out)
        self._held_out = self._encode(self._truth)

    def compile(self) -> None:
        """Compile the model's parts for the one shape that training has."""
        compile_blocks(self.model)

    def next_batch(self, share: float) -> tuple[Tensor, Conditioning]:
        self._own = share >= self.config.own_context_from
        if self._step % self.config.refresh_every == 0:
            self._render(max(self.config.fill, self.pool.added + 1))
        self._step += 1
        length = [frames for start, frames in self.config.lengths if share >= start][-1]
        batch = self.config.batch * self.config.lengths[-1][1] // length  # the same number of tokens
        return self._crop(self.pool.tensors, self.pool.draw(batch), length)

    def loss(self, batch: tuple[Tensor, Conditioning]) -> tuple[Tensor, dict[str, Tensor]]:
        latents, cond = batch
        config, (B, _, T) = self.config, latents.shape[:3]
        empty = self._chance(B) < config.no_text_share
        cond.text[empty], cond.text_mask[empty] = self._no_text
        elsewhere = self._chance(B) < config.moved_share
        cond = replace(cond, camera=moved(cond.camera, elsewhere, config.moved_units))
        uncertain = self._chance(B, 1) < config.context_noise_share
        context = self._chance(B, 1) * config.context_noise * uncertain
        past = flow.add_noise(latents, torch.randn_like(latents), context[:, None, :, None, None])
        latents, past, cond = self._again(latents, past, cond)
        numbers = torch.arange(T, device=self.device)
        numbers[1:] += torch.randint(config.jump + 1, (), device=self.device) * (
            self._chance() < config.jump_share
        )
        loss, guess, scalars = self._velocity_loss(latents, past, cond, self._sigma(B, T), numbers)
        made = torch.cat([latents[:, :, :1], guess[:, :, 1:]], dim=2)  # the first frame is given
        self._made = (latents, made, cond) if self._own else None
        return loss, scalars

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Velocity error at fixed noise levels on held-out worlds; the same clips and noise every time."""
        T = self.config.lengths[0][1]
        everything = torch.arange(len(self._held_out["latents"]))
        latents, cond = self._crop(self._held_out, everything, T, from_start=True)
        scores = {}
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices), torch.compiler.set_stance("force_eager"):
            for level in (0.25, 0.5, 0.75, 1.0):
                torch.manual_seed(0)
                sigma = torch.full((len(latents), T), level, device=self.device)
                mse = self._velocity_loss(latents, latents, cond, sigma)[2]["later_frames"]
                scores[f"validation_velocity_mse/{level}"] = float(mse)
        return scores

    @torch.no_grad()
    def sample(self) -> Tensor:
        """Held-out flights side by side, truth above what the model streams from the first frame and the path."""
        T, clips = self.config.lengths[-1][1], min(4, len(self._truth.video))
        latents, cond = self._crop(self._held_out, torch.arange(clips), T, from_start=True)
        state, sigmas, made = self.model.new_state(), torch.tensor(self.config.sigmas), []
        with self._bf16(), torch.compiler.set_stance("force_eager"):
            for t in range(T):
                now, first = slice(t, t + 1), latents[:, :, :1] if t == 0 else None
                noise = torch.randn_like(latents[:, :, now])
                made.append(sample_chunk(self.model, noise, cond.frames(now), state, sigmas, first))
            film = self.vae.decode(torch.cat(made, dim=2))
        pictures = to_bytes(film.transpose(1, 2).flatten(0, 1)).unflatten(0, (clips, -1)).movedim(2, -1)
        return side_by_side(self._truth.video[:clips, : pictures.shape[1]], pictures)

    def _render(self, clips: int) -> None:
        """Render and encode until the pool has seen this many clips, each of them and its mirror image."""
        if self._source is None:
            self._source = ClipSource(self.config.clips, self.device, self.position)
        while self.pool.added < clips:
            filmed = next(self._source)
            self.pool.add(**self._encode(filmed))
            mirror(filmed, torch.ones(len(filmed.video), dtype=torch.bool, device=self.device))
            self.pool.add(**self._encode(filmed))
            self.position = self._source.position

    def _again(
        self, latents: Tensor, past: Tensor, cond: Conditioning
    ) -> tuple[Tensor, Tensor, Conditioning]:
        """The first clips of a batch give way to the last ones of the batch before, which now look back at what the
        model made of them. It costs no pass of its own."""
        if self._made is None or self._made[0].shape != latents.shape:
            return latents, past, cond
        B = len(latents)
        own = max(1, round(B * self.config.own_context_share))
        before, made, told = self._made
        return (
            torch.cat([before[-own:], latents[own:]]),
            torch.cat([made[-own:], past[own:]]),
            told.clips(slice(B - own, B)).joined(cond.clips(slice(own, B))),
        )

    def _sigma(self, B: int, T: int) -> Tensor:
        """A noise level for every frame (B, T): logit-normal, or one at which the sampler will ask."""
        spread = flow.shift(torch.sigmoid(torch.randn(B, T, device=self.device)), self.config.shift)
        asked = self._levels[torch.randint(len(self._levels), (B, T), device=self.device)]
        return torch.where(self._chance(B, T) < self.config.sampler_share, asked, spread)

    def _velocity_loss(
        self,
        latents: Tensor,
        past: Tensor,
        cond: Conditioning,
        sigma: Tensor,
        numbers: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """latents (B, C, T, H, W) are predicted from sigma (B, T) of noise; past is what later frames look back at.

        Returns the loss, the clean latents that the prediction points to, and parts of the loss.
        """
        noise, level = torch.randn_like(latents), sigma[:, None, :, None, None]
        noisy = flow.add_noise(latents, noise, level)
        predicted = self._velocity(past, noisy, sigma, cond, numbers)
        error = (predicted - flow.velocity(latents, noise)).square().mean((1, 3, 4))  # (B, T)
        parts = {"first_frame": error[:, 0].mean(), "later_frames": error[:, 1:].mean()}
        return error.mean(), flow.clean(noisy, predicted, level).detach(), parts

    def _velocity(
        self, past: Tensor, noisy: Tensor, sigma: Tensor, cond: Conditioning, numbers: Tensor | None
    ) -> Tensor:
        bounds = tuple(range(0, noisy.shape[2] + 1, self.model.config.chunk))
        with self._bf16():
            return self.model.teacher_forcing(past, noisy, 1000 * sigma, cond, bounds, numbers)

    def _crop(
        self, items: dict[str, Tensor], which: Tensor, T: int, from_start: bool = False
    ) -> tuple[Tensor, Conditioning]:
        """A window of T latent frames from each clip; its poses stay relative to the first frame of its flight."""
        which = which.to(self.device)
        spare = items["latents"].shape[2] - T
        start = torch.randint(spare + 1, (len(which), 1), device=self.device)
        start = start * (self._chance(len(which), 1) >= self.config.from_start_share) * (not from_start)
        frames = start + torch.arange(T, device=self.device)
        rows = torch.arange(len(which), device=self.device)[:, None]

        def window(name: str) -> Tensor:
            return items[name][which].transpose(1, 2)[rows, frames].transpose(1, 2).float()

        return window("latents"), Conditioning(
            text=items["text"][which].float(),
            text_mask=items["text_mask"][which],
            camera=items["camera"][which][rows, frames],
            plucker=window("plucker"),
        )

    def _encode(self, clips: ClipBatch) -> dict[str, Tensor]:
        return encoded(clips, self.vae, self.text, self.config.encoding)

    def _chance(self, *shape: int) -> Tensor:
        return torch.rand(shape, device=self.device)

    def _bf16(self) -> torch.autocast:
        return bf16(self.device)


def moved(camera: Tensor, which: Tensor, units: float) -> Tensor:
    """The pose vectors (B, T, 20) of the chosen clips (B,) bool in another world: turned at random, moved by `units`.

    What a clip shows does not depend on its world's origin, and a minute's flight ends far from where it began.
    """
    B = len(camera)
    turn = torch.linalg.qr(torch.randn(B, 3, 3, device=camera.device)).Q
    turn = turn * torch.linalg.det(turn)[:, None, None]  # no mirror images
    shift = units * torch.randn(B, 1, 3, device=camera.device)
    pose = camera[..., :16].unflatten(-1, (4, 4)).clone()
    pose[..., :3, :] = (turn[:, None, :, :, None] * pose[..., None, :3, :]).sum(
        -2
    )  # exact, whatever TF32 says
    pose[..., :3, 3] += shift
    there = torch.cat([pose.flatten(-2), camera[..., 16:]], -1)
    return torch.where(which[:, None, None], there, camera)
