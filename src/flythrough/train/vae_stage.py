"""Training the autoencoder: reconstruction of rendered clips."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from flythrough.errors import InputError
from flythrough.evaluate.metrics import psnr, ssim, worst_tenth
from flythrough.train.data import (
    ClipBatch,
    ClipConfig,
    ClipSource,
    Pool,
    held_out,
    side_by_side,
    to_bytes,
    to_video,
)
from flythrough.vae.mini import MiniVAE


@dataclass(frozen=True, kw_only=True)
class VAEStageConfig:
    """A step takes `batch` windows of `frames` frames from the pool; new clips replace the oldest."""

    clips: ClipConfig
    batch: int = 6
    frames: int = 25  # 4 latent frames: three quarters of them have a past, and that past reaches far enough
    pool: int = 1024  # rendered clips kept on the device
    fill: int = 128  # clips rendered before the first step
    refresh_every: int = 16  # steps between two rendered batches
    latent_noise: float = 0.25  # sigma ~ U(0, this) on the latents that the decoder sees ...
    noisy_share: float = 0.7  # ... in this share of clips; the others keep the ceiling high
    train_encoder: bool = True
    validation_worlds: int = 16
    validation_frames: int = 81

    def __post_init__(self) -> None:
        if self.frames > self.clips.frames:
            raise InputError(f"frames is {self.frames}, but the clips have {self.clips.frames}")
        if self.fill > self.pool:
            raise InputError(f"fill is {self.fill}, but the pool holds {self.pool} clips")


class VAEStage:
    """Reconstruction: L1 + 4 MSE + edges in x, y, t + coarse scales. The decoder learns to forgive noise."""

    def __init__(self, vae: MiniVAE, config: VAEStageConfig, device: torch.device) -> None:
        self.model, self.config, self.device = vae.to(device), config, device
        self.vae = vae
        vae.encoder.requires_grad_(config.train_encoder)
        self.position, self._step = 0, 0
        self._source: ClipSource | None = None
        self._held_out: ClipBatch | None = None
        self._error_terms = error_terms
        self.pool = Pool(config.pool)

    def compile(self) -> None:
        """Compile encoder, decoder and loss for the one shape that training has."""
        self.vae.encoder.compile(dynamic=False)
        self.vae.decoder.compile(dynamic=False)
        self._error_terms = torch.compile(error_terms, dynamic=False)

    def next_batch(self, share: float) -> Tensor:
        """(B, 3, F, H, W) float32 in [-1, 1]: windows of pooled clips, half of them played backwards."""
        config = self.config
        if len(self.pool) < config.fill:
            self._render(config.fill - len(self.pool))
        elif self._step % config.refresh_every == 0:
            self._render(1)
        self._step += 1
        clips = self.pool.draw(config.batch)
        first = torch.randint(config.clips.frames - config.frames + 1, (config.batch, 1), device=self.device)
        frames = first + torch.arange(config.frames, device=self.device)
        backwards = torch.rand(config.batch, 1, device=self.device) < 0.5
        frames = torch.where(backwards, frames.flip(1), frames)
        return to_video(self.pool.tensors["video"][clips[:, None], frames])

    def loss(self, batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        config = self.config
        with self._autocast():
            latents = self.vae.encode(self._half(batch))
            ones = torch.rand(2, len(batch), 1, 1, 1, 1, device=self.device)
            sigma = (config.latent_noise * ones[0] * (ones[1] < config.noisy_share)).to(latents.dtype)
            noisy = (1 - sigma) * latents + sigma * torch.randn_like(latents)
            video = self.vae.decode(noisy)
        terms = self._error_terms(video, batch)
        loss = terms["l1"] + 4 * terms["mse"] + 0.3 * terms["edges"] + 0.5 * terms["coarse"]
        return loss, {**terms, "psnr": 10 * torch.log10(4 / terms["mse"].detach())}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Means over the frames of the held-out clips, and the mean of the worst tenth of them."""
        decibels, likeness = [], []
        for truth in self._validation().video:
            again = self.reconstruct(truth[None])[0]
            decibels.append(psnr(again, truth))
            likeness.append(ssim(again, truth))
        return {
            "validation_psnr": float(torch.cat(decibels).mean()),
            "validation_psnr_worst_tenth": float(worst_tenth(torch.cat(decibels))),
            "validation_ssim": float(torch.cat(likeness).mean()),
        }

    def sample(self) -> Tensor:
        """Four held-out clips of 33 frames side by side, truth above reconstruction."""
        truth = self._validation().video[:8:2, :33]
        return side_by_side(truth, self.reconstruct(truth))

    @torch.no_grad()
    def reconstruct(self, frames: Tensor) -> Tensor:
        """(B, F, H, W, 3) uint8 -> the same through the autoencoder."""
        with self._other_shapes():
            video = self.vae.decode(self.vae.encode(self._half(to_video(frames))))
        return to_bytes(video.transpose(1, 2).flatten(0, 1)).unflatten(0, frames.shape[:2]).movedim(2, -1)

    @torch.no_grad()
    def standardise(self, clips: int = 256) -> None:
        """Set latents_mean, latents_std from pool clips, so that every channel has mean 0, deviation 1."""
        vae = self.vae
        vae.latents_mean.zero_()
        vae.latents_std.fill_(1)
        pieces = []
        for chosen in torch.randperm(len(self.pool), device=self.device)[:clips].split(8):
            video = self._half(to_video(self.pool.tensors["video"][chosen, : self.config.frames]))
            with self._other_shapes():
                pieces.append(vae.encode(video).float())
        latents = torch.cat(pieces)
        vae.latents_mean.copy_(latents.mean((0, 2, 3, 4)))
        vae.latents_std.copy_(latents.std((0, 2, 3, 4)))

    def _render(self, clips: int) -> None:
        """Film until the pool has got so many more clips."""
        if self._source is None:
            self._source = ClipSource(self.config.clips, self.device, self.position)
        wanted = self.pool.added + clips
        while self.pool.added < wanted:
            self.pool.add(video=next(self._source).video)
        self.position = self._source.position

    def _validation(self) -> ClipBatch:
        if self._held_out is None:
            clips = replace(self.config.clips, frames=self.config.validation_frames)
            self._held_out = held_out(clips, self.device, self.config.validation_worlds)
        return self._held_out

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")

    @contextmanager
    def _other_shapes(self) -> Iterator[None]:
        """Compiling, and cuDNN's search for its best kernel, pay for the shape of training only."""
        with (
            self._autocast(),
            torch.compiler.set_stance("force_eager"),
            torch.backends.cudnn.flags(enabled=True, benchmark=False),
        ):
            yield

    def _half(self, video: Tensor) -> Tensor:
        """What the first convolution would do anyhow, before the copies that come ahead of it."""
        return video.bfloat16() if self.device.type == "cuda" else video


def error_terms(video: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """What is wrong with a reconstruction; both (B, 3, F, H, W) in [-1, 1]."""
    error = (video.float() - truth).transpose(1, 2)  # (B, F, 3, H, W)
    quarter = functional.avg_pool2d(error.flatten(0, 1), 4)
    return {
        "l1": error.abs().mean(),
        "mse": error.square().mean(),
        "edges": sum((error.diff(dim=dim).abs().mean() for dim in (1, 3, 4)), error.new_zeros(())),
        "coarse": quarter.abs().mean() + functional.avg_pool2d(quarter, 4).abs().mean(),
    }
