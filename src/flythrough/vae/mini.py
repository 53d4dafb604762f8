"""mini's autoencoder: 2-D convolutions over folded frames, time mixed by a causal channel shift.

Every latent frame stands for a group of 8 pixel frames; the first group is 8 copies of the first frame. So
there is no special case for the first frame, the whole is exactly causal, and a stream carries one frame a
block.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from flythrough.errors import InputError
from flythrough.tensors import dims
from flythrough.vae.base import VAEState


@dataclass(frozen=True, kw_only=True)
class MiniVAEConfig:
    """Widths and blocks run from the finest grid (a quarter of the pixels) to the latent grid (a 32nd)."""

    latent_channels: int = 64
    patch: int = 4
    encoder_widths: tuple[int, ...] = (48, 96, 160, 256)
    encoder_blocks: tuple[int, ...] = (1, 2, 2, 1)
    decoder_widths: tuple[int, ...] = (64, 128, 192, 256)
    decoder_blocks: tuple[int, ...] = (2, 3, 3, 1)

    def __post_init__(self) -> None:
        lengths = {
            len(v)
            for v in (self.encoder_widths, self.encoder_blocks, self.decoder_widths, self.decoder_blocks)
        }
        if len(lengths) != 1:
            raise InputError(
                "the widths and blocks of encoder and decoder must have the same number of levels"
            )
        if any(width % 4 for width in self.encoder_widths + self.decoder_widths):
            raise InputError(
                "the widths of the autoencoder must be multiples of 4: a quarter comes from the past"
            )

    @property
    def temporal_stride(self) -> int:
        return 2 ** (len(self.encoder_widths) - 1)

    @property
    def spatial_stride(self) -> int:
        return self.patch * self.temporal_stride


class MiniVAE(nn.Module):
    """The autoencoder that ships with mini. Implements VideoVAE."""

    def __init__(self, config: MiniVAEConfig | None = None) -> None:
        super().__init__()
        self.config = config or MiniVAEConfig()
        self.latent_channels = self.config.latent_channels
        self.temporal_stride = self.config.temporal_stride
        self.spatial_stride = self.config.spatial_stride
        self.encoder = Encoder(self.config)
        self.decoder = Decoder(self.config)
        self.register_buffer("latents_mean", torch.zeros(self.latent_channels))
        self.register_buffer("latents_std", torch.ones(self.latent_channels))

    def encode(self, video: Tensor) -> Tensor:
        """video (B, 3, F, H, W) in [-1, 1] -> normalised latents (B, C, (F-1)/8+1, H/32, W/32)."""
        _, _, frames, height, width = dims(video, "B C F H W", C=3)
        stride, cell = self.temporal_stride, self.spatial_stride
        if frames % stride != 1:
            raise InputError(f"the video has {frames} frames; the autoencoder needs {stride}k + 1")
        if height % cell or width % cell:
            raise InputError(f"the video is {width}x{height}; both sides must be multiples of {cell}")
        first = video[:, :, :1].expand(-1, -1, stride - 1, -1, -1)
        return self.normalise(self.encoder(torch.cat([first, video], dim=2).to(self._dtype)))

    def decode(self, latents: Tensor) -> Tensor:
        """Normalised latents (B, C, T, h, w) -> video (B, 3, 8(T-1)+1, 32h, 32w)."""
        return self.decode_chunk(latents, None)[0]

    def decode_chunk(
        self, latents: Tensor, state: VAEState | None, last: bool = False
    ) -> tuple[Tensor, VAEState]:
        """Decode the next latent frames of a stream; see VideoVAE. `last` means nothing to a causal decoder."""
        dims(latents, "B C T H W", C=self.latent_channels)
        video, after = self.decoder(self.denormalise(latents.to(self._dtype)), state)
        return (video[:, :, self.temporal_stride - 1 :] if state is None else video), after

    @property
    def _dtype(self) -> torch.dtype:
        return self.encoder.stem.weight.dtype

    def normalise(self, latents: Tensor) -> Tensor:
        mean, std = (stat.view(1, -1, 1, 1, 1) for stat in (self.latents_mean, self.latents_std))
        return (latents - mean.to(latents.dtype)) / std.to(latents.dtype)

    def denormalise(self, latents: Tensor) -> Tensor:
        mean, std = (stat.view(1, -1, 1, 1, 1) for stat in (self.latents_mean, self.latents_std))
        return latents * std.to(latents.dtype) + mean.to(latents.dtype)


class Encoder(nn.Module):
    """Pixels to latents of unit root mean square per cell (there is no KL term; the sphere bounds them)."""

    def __init__(self, config: MiniVAEConfig) -> None:
        super().__init__()
        self.patch, widths = config.patch, config.encoder_widths
        self.stem = nn.Conv2d(3 * config.patch**2, widths[0], 3, padding=1)
        self.levels = nn.ModuleList(
            nn.ModuleList(Block(width) for _ in range(blocks))
            for width, blocks in zip(widths, config.encoder_blocks, strict=True)
        )
        self.downs = nn.ModuleList(nn.Conv2d(8 * fine, coarse, 1) for fine, coarse in pairwise(widths))
        self.head = nn.Conv2d(widths[-1], config.latent_channels, 1)

    def forward(self, video: Tensor) -> Tensor:
        batch = video.shape[0]
        x = fold(video)  # (B F, 3, H, W)
        x = self.stem(functional.pixel_unshuffle(x, self.patch).contiguous(memory_format=torch.channels_last))
        for index, level in enumerate(self.levels):
            if index:
                x = self.downs[index - 1](functional.pixel_unshuffle(merge_pairs(x), 2))
            for block in level.children():
                x, _ = block(x, no_past(x, batch))
        x = unfold(self.head(norm(x)), batch)
        return x * torch.rsqrt(x.float().square().mean(1, keepdim=True) + 1e-6).to(x.dtype)


class Decoder(nn.Module):
    """Latents to pixels; each upward step doubles height, width and frames."""

    def __init__(self, config: MiniVAEConfig) -> None:
        super().__init__()
        self.patch, widths = config.patch, config.decoder_widths
        self.stem = nn.Conv2d(config.latent_channels, widths[-1], 3, padding=1)
        self.levels = nn.ModuleList(
            nn.ModuleList(Block(width) for _ in range(blocks))
            for width, blocks in zip(widths, config.decoder_blocks, strict=True)
        )
        self.ups = nn.ModuleList(nn.Conv2d(coarse, 8 * fine, 1) for fine, coarse in pairwise(widths))
        self.head = nn.Conv2d(widths[0], 3 * config.patch**2, 3, padding=1)

    def forward(self, latents: Tensor, before: VAEState | None = None) -> tuple[Tensor, VAEState]:
        """latents (B, C, T, h, w) -> video (B, 3, 8T, 32h, 32w) and each block's last frame, for later."""
        batch, after = latents.shape[0], {}
        x = self.stem(fold(latents).contiguous(memory_format=torch.channels_last))
        for index in reversed(range(len(self.levels))):
            for number, block in enumerate(self.levels[index].children()):
                name = f"{index}.{number}"
                x, after[name] = block(x, before[name] if before else no_past(x, batch))
            if index:
                x = split_pairs(functional.pixel_shuffle(self.ups[index - 1](x), 2))
        return unfold(functional.pixel_shuffle(self.head(norm(x)), self.patch), batch), after


class Block(nn.Module):
    """Two 3x3 convolutions with a residual; a quarter of the input channels comes from the frame before."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        for parameter in self.conv2.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """x (B F, C, H, W); past (B, 1, C/4, H, W): the moving quarter of the frame before the first.

        Returns the new x and the moving quarter of the last frame, which carries no gradient.
        """
        quarter = past.shape[2]
        clips = norm(x, self.scale).unflatten(0, (past.shape[0], -1))  # (B, F, C, H, W)
        moving, staying = clips[:, :, :quarter], clips[:, :, quarter:]
        y = torch.cat([torch.cat([past, moving[:, :-1]], dim=1), staying], dim=2).flatten(0, 1)
        y = self.conv1(y.contiguous(memory_format=torch.channels_last))
        last = moving[:, -1:].detach().clone()  # a view would keep all frames alive
        return x + self.conv2(functional.silu(y)), last


def no_past(x: Tensor, batch: int) -> Tensor:
    """What a block looks back at in the first frame of a stream: zeros."""
    return x.new_zeros(batch, 1, x.shape[1] // 4, *x.shape[2:])


def norm(x: Tensor, scale: Tensor | None = None) -> Tensor:
    """Root-mean-square norm over the channels of each pixel; x (N, C, H, W), best in channels-last memory."""
    gain = None if scale is None else scale.to(x.dtype)
    y = functional.rms_norm(x.permute(0, 2, 3, 1), (x.shape[1],), gain, 1e-6)
    return y.to(x.dtype).permute(0, 3, 1, 2)  # autocast makes a norm float32, twice the memory traffic


def fold(video: Tensor) -> Tensor:
    """(B, C, F, H, W) -> (B F, C, H, W)."""
    return video.transpose(1, 2).flatten(0, 1)


def unfold(x: Tensor, batch: int) -> Tensor:
    """(B F, C, H, W) -> (B, C, F, H, W)."""
    return x.unflatten(0, (batch, -1)).transpose(1, 2)


def merge_pairs(x: Tensor) -> Tensor:
    """(2N, C, H, W) -> (N, 2C, H, W): frames 2n and 2n+1 become channels of one."""
    return x.unflatten(0, (-1, 2)).flatten(1, 2)


def split_pairs(x: Tensor) -> Tensor:
    """(N, 2C, H, W) -> (2N, C, H, W): the inverse of merge_pairs."""
    return x.unflatten(1, (2, -1)).flatten(0, 1)
