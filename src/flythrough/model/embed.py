"""What goes in: patches, noise level, prompt, and where every token is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from flythrough.camera.rays import ray_matrices


class PatchEmbed(nn.Module):
    """A linear map of every cell, stored as the 1x1x1 convolution that it is in the checkpoint."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv3d(channels, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, channels, T, H, W) -> tokens (B, T, S, C)."""
        tokens = x.flatten(3).permute(0, 2, 3, 1)
        return functional.linear(
            tokens.to(self.proj.weight.dtype), self.proj.weight.flatten(1), self.proj.bias
        )


class TimestepEmbed(nn.Module):
    """Sinusoid of 256 numbers, then two linear layers. Timesteps are truncated to integers, as in the reference."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(256, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, timestep: Tensor) -> Tensor:
        """timestep (B, T), 0 to 1000 -> (B, T, C)."""
        frequencies = torch.exp(torch.arange(128, device=timestep.device) * (-math.log(10_000.0) / 128))
        angles = timestep.long().float()[..., None] * frequencies
        return self.mlp(torch.cat([angles.cos(), angles.sin()], -1).to(next(self.mlp.parameters()).dtype))


class CaptionEmbed(nn.Module):
    """Token states of the text encoder to the transformer's width."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.y_proj = nn.ModuleDict({"fc1": nn.Linear(channels, width), "fc2": nn.Linear(width, width)})

    def forward(self, text: Tensor) -> Tensor:
        hidden = self.y_proj["fc1"](text.to(next(self.parameters()).dtype))
        return self.y_proj["fc2"](functional.gelu(hidden, approximate="tanh"))


class RMSNorm(nn.Module):
    """Root-mean-square norm with a learned gain. torch takes the mean in float32 whatever comes in."""

    def __init__(self, width: int, eps: float, gain: float = 1.0) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.full((width,), gain))

    def forward(self, x: Tensor) -> Tensor:
        return functional.rms_norm(x, self.weight.shape, self.weight.to(x.dtype), self.eps).to(x.dtype)


@dataclass(frozen=True)
class Positions:
    """Where the tokens are: for the main branch by cell and frame, for the camera branch by ray.

    rotary, camera_rotary: cosines and sines (T, S, 1, pairs), for whole heads and for half ones.
    to_ray (B, T, S, 1, 4, 4) takes world coordinates to the ray's own frame; from_ray is its inverse.
    """

    rotary: tuple[Tensor, Tensor]
    camera_rotary: tuple[Tensor, Tensor]
    to_ray: Tensor
    from_ray: Tensor


def positions(camera: Tensor, numbers: Tensor, rows: int, columns: int, head_dim: int) -> Positions:
    """camera (B, T, 20), and which of the flight's latent frames they are: numbers (T,). All in float32.

    Source: three-axis RoPE and UCPE of SANA-WM, arXiv 2605.15178.
    """
    frames, device = camera.shape[1], camera.device
    side = head_dim // 6
    times = head_dim // 2 - 2 * side
    t = numbers.view(-1, 1, 1)
    y, x = (
        torch.arange(rows, device=device).view(1, -1, 1),
        torch.arange(columns, device=device).view(1, 1, -1),
    )
    angles = [
        _angles(at.expand(frames, rows, columns).flatten(1), pairs)
        for at, pairs in ((t, times), (y, side), (x, side))
    ]
    half_side = head_dim // 12  # the camera branch turns half a head, by the lowest of the same angles
    half = [angles[0][..., : head_dim // 4 - 2 * half_side], *(a[..., :half_side] for a in angles[1:])]
    to_ray, from_ray = ray_matrices(camera, rows, columns)
    return Positions(
        _rotary(angles),
        _rotary(half),
        to_ray.flatten(2, 3).unsqueeze(3),
        from_ray.flatten(2, 3).unsqueeze(3),
    )


def _angles(at: Tensor, pairs: int) -> Tensor:
    frequencies = 10_000.0 ** (-torch.arange(pairs, dtype=torch.float32, device=at.device) / pairs)
    return at[..., None].float() * frequencies


def _rotary(angles: list[Tensor]) -> tuple[Tensor, Tensor]:
    whole = torch.cat(angles, -1).unsqueeze(2)
    return whole.cos(), whole.sin()
