"""Flyers whose figures are known beforehand: one shows the truth, one never moves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from flythrough.evaluate.film import Order, encoded, film, reconstructed, scene_of
from flythrough.evaluate.paths import Camera
from flythrough.vae.base import VAEState
from flythrough.worlds.world import World


class Blocks:
    """An autoencoder without weights: means of 4x4 pixels, every frame kept. Implements VideoVAE."""

    side = 4
    latent_channels = 3 * 8 * (32 // side) ** 2
    temporal_stride, spatial_stride = 8, 32

    def encode(self, video: Tensor) -> Tensor:
        still = video[:, :, :1].expand(-1, -1, 7, -1, -1)
        small = functional.avg_pool3d(torch.cat([still, video], dim=2), (1, self.side, self.side))
        batch, _, frames, rows, columns = small.shape
        cell = 32 // self.side
        split = small.reshape(batch, 3, frames // 8, 8, rows // cell, cell, columns // cell, cell)
        return split.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(
            batch, -1, frames // 8, rows // cell, columns // cell
        )

    def decode(self, latents: Tensor) -> Tensor:
        batch, _, times, rows, columns = latents.shape
        cell = 32 // self.side
        split = latents.reshape(batch, 3, 8, cell, cell, times, rows, columns)
        small = split.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(
            batch, 3, 8 * times, rows * cell, columns * cell
        )
        return small.repeat_interleave(self.side, 3).repeat_interleave(self.side, 4)[:, :, 7:]

    def decode_chunk(
        self, latents: Tensor, state: VAEState | None, last: bool = False
    ) -> tuple[Tensor, VAEState]:
        if state is not None:
            latents = torch.cat([latents[:, :, :1], latents], dim=2)  # whose one frame is cut off again
        video = self.decode(latents)
        return video if state is None else video[:, :, 1:], {}


class Known(ABC):
    """What both have in common. Implements Flyer."""

    camera = Camera(64, 96)
    device = torch.device("cpu")
    vae = Blocks()
    at_once = 1

    def fly(self, orders: Sequence[Order]) -> Iterator[tuple[Tensor, Tensor]]:
        (order,) = orders
        frames = self.shown(order)
        latents = encoded(self, frames)
        yield frames[None, :1], latents[:, :, :1]
        yield frames[None, 1:], latents[:, :, 1:]

    @abstractmethod
    def shown(self, order: Order) -> Tensor:
        """Frames (F, H, W, 3) uint8 of the order's path."""


class Perfect(Known):
    """Shows the world that the order's seed stands for, as far as its autoencoder can."""

    def shown(self, order: Order) -> Tensor:
        world = World.from_seed(order.seed, "test")
        return reconstructed(self, film(scene_of(world, [order.path], self.device), order.path).rgb)


class Frozen(Known):
    """Shows the first frame for ever."""

    def shown(self, order: Order) -> Tensor:
        return order.first.expand(order.path.frames, -1, -1, -1)
