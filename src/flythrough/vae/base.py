"""What every video autoencoder offers to the rest of the project."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

VAEState = dict[str, Tensor]


class VideoVAE(Protocol):
    """A video autoencoder, 8x in time and 32x in space.

    Latent frame 0 stands for the first pixel frame, latent frame j for pixel frames 8j-7 .. 8j. Latents are
    normalised: every channel has mean 0 and standard deviation 1 over the training data.
    """

    latent_channels: int
    temporal_stride: int
    spatial_stride: int

    def encode(self, video: Tensor) -> Tensor:
        """video (B, 3, F, H, W) in [-1, 1], F = 8k + 1 -> latents (B, C, k + 1, H/32, W/32)."""
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """latents (B, C, T, h, w) -> video (B, 3, 8(T-1)+1, 32h, 32w), about [-1, 1] and not clamped."""
        ...

    def decode_chunk(
        self, latents: Tensor, state: VAEState | None, last: bool = False
    ) -> tuple[Tensor, VAEState]:
        """Decode the next latent frames of a stream. state None starts one: its first latent gives one frame.

        Returns the video (B, 3, frames, H, W) and the state for the next call. Any cut gives the same frames.
        A decoder that looks ahead gives its frames late, at first perhaps none: `last`, with the clip's last
        latents, brings the rest. A causal decoder gives all it can at once and needs no `last`.
        """
        ...
