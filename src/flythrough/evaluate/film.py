"""What evaluation looks at: the truth along a path, what the VAE makes of it, and what the model flies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from flythrough.camera.path import CameraPath
from flythrough.evaluate.paths import Camera
from flythrough.grid import latent_frames_covering
from flythrough.vae.base import VideoVAE
from flythrough.worlds.render import Frames, RenderScene, prepare, render
from flythrough.worlds.world import World


@dataclass(frozen=True)
class Order:
    """One flight to make: the first frame (H, W, 3) uint8, where the camera goes, the words, the seed."""

    first: Tensor
    path: CameraPath
    prompt: str
    seed: int


class Flyer(Protocol):
    """A model that flies. Orders of one call have paths of equal length."""

    @property
    def camera(self) -> Camera:
        """The pictures it makes: size and frames a second."""
        ...

    @property
    def device(self) -> torch.device: ...

    @property
    def vae(self) -> VideoVAE: ...

    @property
    def at_once(self) -> int:
        """How many orders fit into one batch."""
        ...

    def fly(self, orders: Sequence[Order]) -> Iterator[tuple[Tensor, Tensor]]:
        """Chunk by chunk: frames (B, f, H, W, 3) uint8 from the first one on, latents (B, C, t, h, w)."""
        ...


def flown(flyer: Flyer, orders: Sequence[Order]) -> Iterator[tuple[Order, Tensor, Tensor]]:
    """Every order with all its frames (F, H, W, 3) and latents (C, T, h, w)."""
    for start in range(0, len(orders), flyer.at_once):
        batch = orders[start : start + flyer.at_once]
        chunks = list(flyer.fly(batch))
        video = torch.cat([frames for frames, _ in chunks], dim=1)
        latents = torch.cat([chunk for _, chunk in chunks], dim=2)
        yield from zip(batch, video, latents, strict=True)


def kept(
    chunks: Iterable[tuple[Tensor, Tensor]], frames: Sequence[int]
) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
    """Of a long flight only some: frames {frame: (B, H, W, 3)}, their latents {frame: (B, C, h, w)}."""
    wanted, pictures, latents, begin = set(frames), {}, {}, 0
    for video, chunk in chunks:
        for index in range(video.shape[1]):
            frame = begin + index
            if frame in wanted:
                pictures[frame] = video[:, index]
                number = latent_frames_covering(frame + 1) - latent_frames_covering(begin + 1)
                latents[frame] = chunk[:, :, number]
        begin += video.shape[1]
    return pictures, latents


def scene_of(world: World, paths: Sequence[CameraPath], device: torch.device) -> RenderScene:
    """The world around some paths, ready to be filmed."""
    points = torch.cat([path.positions[::8] for path in paths]).float()
    return prepare(world.mesh(points).to(device), world.light.to(device), points.to(device))


def film(scene: RenderScene, path: CameraPath, frames: Sequence[int] | None = None) -> Frames:
    """The truth: rgb (F, H, W, 3), depth (F, H, W), label (F, H, W) of all or some frames of a path."""
    if frames is not None:
        index = torch.tensor(frames)
        c2w, intrinsics = path.c2w[index], path.intrinsics[index]
    else:
        c2w, intrinsics = path.c2w, path.intrinsics
    shot = render(scene, c2w, intrinsics, path.height, path.width)
    return Frames(shot.rgb[0], shot.depth[0], shot.label[0])


@torch.no_grad()
def encoded(flyer: Flyer, frames: Tensor) -> Tensor:
    """frames (F, H, W, 3) uint8 -> latents (1, C, T, h, w) float32."""
    return flyer.vae.encode(to_video(frames.to(flyer.device))[None]).float()


@torch.no_grad()
def reconstructed(flyer: Flyer, frames: Tensor) -> Tensor:
    """frames (F, H, W, 3) uint8, encoded and decoded: the best that a model on this VAE could show."""
    state, parts = None, []
    for chunk in encoded(flyer, frames).split(4, dim=2):
        video, state = flyer.vae.decode_chunk(chunk, state)
        parts.append(to_bytes(video)[0])
    return torch.cat(parts)


@torch.no_grad()
def stills(flyer: Flyer, frames: Tensor) -> Tensor:
    """frames (F, H, W, 3) uint8, each encoded and decoded by itself: nearly the same without the film between."""
    parts = frames.to(flyer.device).split(8)
    return torch.cat(
        [to_bytes(flyer.vae.decode(flyer.vae.encode(to_video(part[:, None]))))[:, 0] for part in parts]
    )


def to_video(frames: Tensor) -> Tensor:
    """(..., F, H, W, 3) uint8 -> (..., 3, F, H, W) float32 in [-1, 1]."""
    return frames.movedim(-1, -4).float() / 127.5 - 1


def to_bytes(video: Tensor) -> Tensor:
    """(B, 3, F, H, W) in [-1, 1] -> (B, F, H, W, 3) uint8."""
    return ((video.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).movedim(1, -1)
