"""What is trained: each stage is a model, batches and a loss."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from flythrough import flow
from flythrough.conditioning import CameraEncoding, Conditioning, encode_camera
from flythrough.model.transformer import SanaWM
from flythrough.text.base import TextEncoder
from flythrough.train.data import ClipBatch, ClipConfig, ClipSource, Pool
from flythrough.vae.base import VideoVAE
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
        self._held_out = _held_out(config.clips, device)

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
            noisy = flow.add_noise(latents, torch.randn_like(latents), sigma.to(latents.dtype))
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
            again = torch.cat([self.vae.decode(self.vae.encode(clip[None])) for clip in video]).float().clamp(-1, 1)
        per_frame = 10 * torch.log10(4 / (again - video).square().mean((1, 3, 4)).clamp_min(1e-6))
        return {"validation_psnr": float(per_frame.mean()), "validation_psnr_worst_tenth": _worst_tenth(per_frame)}

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
        latents = torch.cat([vae.encode(to_video(self.pool.tensors["video"][i : i + 1])).float() for i in chosen])
        vae.latents_mean.copy_(latents.mean((0, 2, 3, 4)))
        vae.latents_std.copy_(latents.std((0, 2, 3, 4)))


@dataclass(frozen=True, kw_only=True)
class WorldStageConfig:
    clips: ClipConfig
    encoding: CameraEncoding
    batch: int = 32
    lengths: tuple[tuple[float, int], ...] = ((0.0, 11),)  # (share of the run, latent frames a clip from there on)
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
        self._held_out = self._encode(_held_out(config.clips, device))

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
        past = flow.add_noise(latents, torch.randn_like(latents), context.expand(B, T)[:, None, :, None, None])
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
        velocity = self._velocity(past, flow.add_noise(latents, noise, sigma[:, None, :, None, None]), sigma, cond)
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
        start = torch.randint(whole - T + 1, (len(which), 1)) if first is None else torch.full((len(which), 1), first)
        frames = (start + torch.arange(T)).to(self.device)
        rows = torch.arange(len(which), device=self.device)[:, None]
        latents = items["latents"][which].transpose(1, 2)[rows, frames].transpose(1, 2).float()
        camera, plucker = items["camera"][which][rows, frames], items["plucker"][which].transpose(1, 2)[rows, frames]
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


def to_video(frames: Tensor) -> Tensor:
    """(B, F, H, W, 3) uint8 -> (B, 3, F, H, W) float32 in [-1, 1]."""
    return frames.permute(0, 4, 1, 2, 3).float() / 127.5 - 1


def to_bytes(pictures: Tensor) -> Tensor:
    """(N, 3, H, W) in [-1, 1] -> uint8."""
    return ((pictures.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def _held_out(clips: ClipConfig, device: torch.device) -> ClipBatch:
    """A fixed batch of clips from the validation worlds."""
    from dataclasses import replace

    return next(ClipSource(replace(clips, split="val", workers=0, worlds_per_batch=8), device))


def _pool(error: Tensor, size: int) -> Tensor:
    return functional.avg_pool2d(error.transpose(1, 2).flatten(0, 1), size)


def _worst_tenth(scores: Tensor) -> float:
    return float(scores.flatten().sort().values[: max(1, scores.numel() // 10)].mean())


def count_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
