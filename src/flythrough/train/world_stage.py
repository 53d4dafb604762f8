"""Training the world transformer: flow matching with teacher forcing."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from flythrough import flow
from flythrough.conditioning import CameraEncoding, Conditioning, encode_camera
from flythrough.model.transformer import SanaWM
from flythrough.text.base import TextEncoder
from flythrough.train.data import ClipBatch, ClipConfig, ClipSource, Pool, held_out, to_video
from flythrough.vae.base import VideoVAE


@dataclass(frozen=True, kw_only=True)
class WorldStageConfig:
    clips: ClipConfig
    encoding: CameraEncoding
    batch: int = 32
    lengths: tuple[tuple[float, int], ...] = (
        (0.0, 11),
    )  # (share of the run, latent frames a clip from there on)
    pool: int = 6000
    fill: int = 2000
    refresh_every: int = 16  # steps between two rendered batches
    shift: float = 2.0  # sigma = shift(sigmoid(normal)), as in the specification with 9.95 for 106,480 tokens
    context_noise: float = 0.2  # sigma ~ U(0, this) on the clean frames that later ones look back at ...
    context_noise_share: float = 0.7  # ... in this share of clips: a cure for drift
    own_context_from: float = 0.66  # from this share of the run on ...
    own_context_share: float = 0.33  # ... this share of clips looks back at the model's own samples
    no_text_share: float = 0.15


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
        self.position, self._step, self._source = 0, 0, None
        self._own_context = False
        self.pool = Pool(config.pool)
        self._held_out = self._encode(held_out(config.clips, device))

    def fill(self, clips: int) -> None:
        """Render and encode until the pool has seen this many clips."""
        if self._source is None:
            self._source = ClipSource(self.config.clips, self.device, self.position)
        while self.pool.added < clips:
            self.pool.add(**self._encode(next(self._source)))
            self.position = self._source.position

    def next_batch(self, share: float) -> tuple[Tensor, Conditioning]:
        self._own_context = share >= self.config.own_context_from
        if len(self.pool) < self.config.fill:
            self.fill(self.config.fill)
        elif self._step % self.config.refresh_every == 0:
            self.fill(self.pool.added + 1)
        self._step += 1
        length = [frames for start, frames in self.config.lengths if share >= start][-1]
        batch = max(1, self.config.batch * self.config.lengths[0][1] // length)  # the same number of tokens
        return self._crop(self.pool.tensors, self.pool.draw(batch), length)

    def loss(self, batch: tuple[Tensor, Conditioning]) -> tuple[Tensor, dict[str, Tensor]]:
        latents, cond = batch
        B, _, T = latents.shape[:3]
        empty = torch.rand(B, device=self.device) < self.config.no_text_share
        cond.text[empty], cond.text_mask[empty] = self._no_text
        sigma = flow.shift(torch.sigmoid(torch.randn(B, T, device=self.device)), self.config.shift)
        context = torch.rand(B, 1, device=self.device) * self.config.context_noise
        context = context * (torch.rand(B, 1, device=self.device) < self.config.context_noise_share)
        past = flow.add_noise(
            latents, torch.randn_like(latents), context.expand(B, T)[:, None, :, None, None]
        )
        if self._own_context:
            own = max(1, round(B * self.config.own_context_share))
            past[:own] = self._own_samples(latents[:own], cond.clips(slice(own)))
        return self._velocity_loss(latents, past, cond, sigma)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Velocity error at fixed noise levels on held-out worlds; the same clips and noise every time."""
        T = self.config.lengths[0][1]
        latents, cond = self._crop(self._held_out, torch.arange(len(self._held_out["latents"])), T, first=0)
        scores = {}
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            for level in (0.25, 0.5, 0.75, 0.95):
                torch.manual_seed(0)
                sigma = torch.full((len(latents), T), level, device=self.device)
                scores[f"validation_velocity_mse/{level}"] = float(
                    self._velocity_loss(latents, latents, cond, sigma)[0]
                )
        return scores

    def sample(self) -> None:
        return None

    def _velocity_loss(
        self, latents: Tensor, past: Tensor, cond: Conditioning, sigma: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """latents (B, C, T, H, W) are predicted from sigma (B, T) of noise; past is what later frames look back at."""
        noise = torch.randn_like(latents)
        velocity = self._velocity(
            past, flow.add_noise(latents, noise, sigma[:, None, :, None, None]), sigma, cond
        )
        error = (velocity - (noise - latents)).square().mean((1, 3, 4))  # (B, T)
        return error.mean(), {"first_frame": error[:, 0].mean(), "later_frames": error[:, 1:].mean()}

    def _velocity(self, past: Tensor, noisy: Tensor, sigma: Tensor, cond: Conditioning) -> Tensor:
        bounds = list(range(noisy.shape[2] + 1))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            return self.model.teacher_forcing(
                past, noisy, torch.zeros_like(sigma), 1000 * sigma, cond, bounds
            ).float()

    @torch.no_grad()
    def _own_samples(self, latents: Tensor, cond: Conditioning) -> Tensor:
        """Every frame but the first as the model makes it from the true frames before it, in two Euler steps."""
        x = torch.randn_like(latents)
        for now, after in ((1.0, 0.6), (0.6, 0.0)):
            sigma = torch.full((len(latents), latents.shape[2]), now, device=self.device)
            x = x + (after - now) * self._velocity(latents, x, sigma, cond)
        return torch.cat([latents[:, :, :1], x[:, :, 1:]], dim=2)

    def _crop(
        self, items: dict[str, Tensor], which: Tensor, T: int, first: int | None = None
    ) -> tuple[Tensor, Conditioning]:
        """A window of T latent frames from each clip; its poses stay relative to the first frame of its flight."""
        which = which.to(self.device)
        whole = items["latents"].shape[2]
        start = (
            torch.randint(whole - T + 1, (len(which), 1))
            if first is None
            else torch.full((len(which), 1), first)
        )
        frames = (start + torch.arange(T)).to(self.device)
        rows = torch.arange(len(which), device=self.device)[:, None]
        latents = items["latents"][which].transpose(1, 2)[rows, frames].transpose(1, 2).float()
        camera, plucker = (
            items["camera"][which][rows, frames],
            items["plucker"][which].transpose(1, 2)[rows, frames],
        )
        return latents, Conditioning(
            text=items["text"][which].float(),
            text_mask=items["text_mask"][which],
            camera=camera,
            plucker=plucker.transpose(1, 2).float(),
        )

    @torch.no_grad()
    def _encode(self, clips: ClipBatch) -> dict[str, Tensor]:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            latents = torch.cat([self.vae.encode(to_video(clip[None])) for clip in clips.video])
        height, width = clips.video.shape[2:4]
        camera, plucker = encode_camera(clips.c2w, clips.intrinsics, height, width, self.config.encoding)
        text, text_mask = self.text.encode(clips.captions)
        self._no_text = tuple(x[0].to(self.device) for x in self.text.encode([""]))
        half = torch.float16 if self.device.type == "cuda" else torch.float32
        return {
            "latents": latents.to(half),
            "camera": camera.float(),
            "plucker": plucker.to(half),
            "text": text.to(self.device, half),
            "text_mask": text_mask.to(self.device),
        }
