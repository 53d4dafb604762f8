"""Training the autoencoder: reconstruction of rendered clips."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from flythrough.train.data import ClipConfig, ClipSource, Pool, held_out, to_bytes, to_video
from flythrough.vae.mini import MiniVAE


@dataclass(frozen=True, kw_only=True)
class VAEStageConfig:
    clips: ClipConfig
    batch: int = 8
    frames: int = 17
    pool: int = 512  # rendered clips kept on the device
    fill: int = 128  # clips rendered before the first step
    refresh_every: int = 8  # steps between two rendered batches
    latent_noise: float = 0.25  # sigma ~ U(0, this) on the latents that the decoder sees
    train_encoder: bool = True


class VAEStage:
    """Reconstruction: L1 + 2 MSE + edges in x, y and t + coarse scales. The decoder learns to forgive noise."""

    def __init__(self, vae: MiniVAE, config: VAEStageConfig, device: torch.device) -> None:
        self.model, self.config, self.device = vae.to(device), config, device
        self.vae = vae
        vae.encoder.requires_grad_(config.train_encoder)
        self.position, self._step, self._source = 0, 0, None
        self.pool = Pool(config.pool)
        self._held_out = held_out(config.clips, device)

    def next_batch(self, share: float) -> Tensor:
        if self._source is None:
            self._source = ClipSource(self.config.clips, self.device, self.position)
        while len(self.pool) < self.config.fill or self._step % self.config.refresh_every == 0:
            self.pool.add(video=next(self._source).video)
            self.position = self._source.position
            if len(self.pool) >= self.config.fill:
                break
        self._step += 1
        clips = self.pool.draw(self.config.batch)
        first = torch.randint(self.config.clips.frames - self.config.frames + 1, (self.config.batch, 1))
        frames = (first + torch.arange(self.config.frames)).to(self.device)
        return to_video(self.pool.tensors["video"][clips[:, None], frames])

    def loss(self, batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            latents = self.vae.encode(batch)
            sigma = torch.rand(len(batch), 1, 1, 1, 1, device=self.device) * self.config.latent_noise
            noisy = (1 - sigma) * latents + sigma * torch.randn_like(latents)
            video = self.vae.decode(noisy).float()
        error = video - batch
        terms = {
            "l1": error.abs().mean(),
            "mse": error.square().mean(),
            "edges": sum(error.diff(dim=dim).abs().mean() for dim in (2, 3, 4)) / 3,
            "coarse": sum(_pool(error, size).abs().mean() for size in (4, 16)),
        }
        loss = terms["l1"] + 2 * terms["mse"] + 0.3 * terms["edges"] + 0.5 * terms["coarse"]
        return loss, {**terms, "psnr": 10 * torch.log10(4 / terms["mse"])}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        video = to_video(self._held_out.video)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            again = (
                torch.cat([self.vae.decode(self.vae.encode(clip[None])) for clip in video])
                .float()
                .clamp(-1, 1)
            )
        per_frame = 10 * torch.log10(4 / (again - video).square().mean((1, 3, 4)).clamp_min(1e-6))
        return {
            "validation_psnr": float(per_frame.mean()),
            "validation_psnr_worst_tenth": _worst_tenth(per_frame),
        }

    @torch.no_grad()
    def sample(self) -> Tensor:
        video = to_video(self._held_out.video[:4, :9])
        again = self.vae.decode(self.vae.encode(video))
        pairs = torch.cat([video[:, :, -1], again[:, :, -1]], dim=2)  # truth above
        return to_bytes(pairs)

    @torch.no_grad()
    def standardise(self, clips: int = 64) -> None:
        """Set latents_mean and latents_std from pool clips, so that every channel has mean 0 and deviation 1."""
        vae = self.vae
        vae.latents_mean.zero_()
        vae.latents_std.fill_(1)
        chosen = self.pool.draw(clips)
        latents = torch.cat(
            [vae.encode(to_video(self.pool.tensors["video"][i : i + 1])).float() for i in chosen]
        )
        vae.latents_mean.copy_(latents.mean((0, 2, 3, 4)))
        vae.latents_std.copy_(latents.std((0, 2, 3, 4)))


def _pool(error: Tensor, size: int) -> Tensor:
    return functional.avg_pool2d(error.transpose(1, 2).flatten(0, 1), size)


def _worst_tenth(scores: Tensor) -> float:
    return float(scores.flatten().sort().values[: max(1, scores.numel() // 10)].mean())
