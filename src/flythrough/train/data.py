"""Rendered worlds as training data: deterministic from a seed, made while training runs.

Worker processes build worlds and fly paths through them; the device renders; a pool in device memory holds
what was rendered (or encoded) last, and batches are drawn from the pool.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from flythrough.camera.path import CameraPath
from flythrough.conditioning import CameraEncoding, encode_camera
from flythrough.text.base import TextEncoder
from flythrough.train import parallel
from flythrough.vae.base import VideoVAE
from flythrough.worlds.mesh import Light, Mesh
from flythrough.worlds.render import prepare, render

if TYPE_CHECKING:
    from numpy.random import Generator

    from flythrough.worlds.world import World


@dataclass(frozen=True, kw_only=True)
class ClipConfig:
    """What a clip is. Two clips share a world, since a world costs more to build than to film."""

    height: int = 256
    width: int = 448
    frames: int = 81
    clips_per_world: int = 2
    worlds_per_batch: int = 4
    tours: float = (
        0.0  # share of the paths that go on for a minute without hitting anything; the others wander
    )
    through: float = 0.0  # share of the wandering paths that lead through things where they are in the way
    split: str = "train"
    seed: int = 0
    workers: int = 2


@dataclass
class WorldClips:
    """One world and the paths flown through it, from a worker process."""

    mesh: Mesh
    light: Light
    paths: list[CameraPath]
    captions: list[str]


@dataclass
class ClipBatch:
    """video (B, F, H, W, 3) uint8; c2w (B, F, 4, 4) float64, relative to frame 0; intrinsics (B, F, 4)."""

    video: Tensor
    c2w: Tensor
    intrinsics: Tensor
    captions: list[str] = field(default_factory=list)


class WorldDataset(Dataset[WorldClips]):
    """World number `index` of a split, with its paths. The same index gives the same clips on any machine."""

    def __init__(self, config: ClipConfig) -> None:
        self.config = config

    def __len__(self) -> int:
        return 2**31 - 1

    def __getitem__(self, index: int) -> WorldClips:
        from flythrough.worlds.world import World

        config = self.config
        world = World.from_seed((config.seed * 1_000_003 + index) % 2**31, config.split)
        paths, captions = [], []
        for clip in range(config.clips_per_world):
            rng = _random(index * 16 + clip)
            paths.append(_path(world, config, rng))
            captions.append(world.caption(rng))
        points = torch.cat([path.c2w[::8, :3, 3] for path in paths]).float()
        return WorldClips(world.mesh(points), world.light, paths, captions)


class ClipSource:
    """An endless iterator of rendered ClipBatches, starting at world number `position`.

    Processes that train together take turns: with two of them, one films the even worlds and one the odd.
    `position` counts the worlds of all, so a run goes on at the right place with any number of processes.
    """

    def __init__(self, config: ClipConfig, device: torch.device, position: int = 0) -> None:
        self.config, self.device, self.position = config, device, position
        if config.workers:
            _allow_many_files()
        loader = DataLoader(
            WorldDataset(config),
            batch_size=None,
            sampler=range(position + parallel.rank(), 2**31 - 1, parallel.count()),
            num_workers=config.workers,
            prefetch_factor=2 if config.workers else None,
            multiprocessing_context="spawn" if config.workers else None,
        )
        self._worlds: Iterator[WorldClips] = iter(loader)

    def __iter__(self) -> ClipSource:
        return self

    def __next__(self) -> ClipBatch:
        worlds = [next(self._worlds) for _ in range(self.config.worlds_per_batch)]
        self.position += len(worlds) * parallel.count()
        return render_clips(worlds, self.config, self.device)


def render_clips(worlds: list[WorldClips], config: ClipConfig, device: torch.device) -> ClipBatch:
    """Film every path of every world; every other clip is mirrored, which doubles the worlds for nothing."""
    scenes, paths, captions = [], [], []
    for world in worlds:
        points = torch.cat([path.c2w[::8, :3, 3] for path in world.paths]).float()
        scene = prepare(world.mesh.to(device), world.light.to(device), points.to(device))
        scenes += [scene] * len(world.paths)
        paths += world.paths
        captions += world.captions
    c2w = torch.stack([path.c2w for path in paths]).to(device)
    intrinsics = torch.stack([path.intrinsics for path in paths]).to(device)
    video = render(scenes, c2w, intrinsics, config.height, config.width).rgb
    relative = torch.linalg.inv(c2w[:, :1]) @ c2w
    batch = ClipBatch(video, relative, intrinsics, captions)
    mirror(batch, torch.arange(len(paths), device=device) % 2 == 1)
    return batch


def mirror(batch: ClipBatch, which: Tensor) -> None:
    """Flip the chosen clips left to right, in place: pixels, poses (S c2w S, S = diag(-1, 1, 1, 1)), cx."""
    flip = torch.diag(torch.tensor([-1.0, 1, 1, 1], dtype=batch.c2w.dtype, device=batch.c2w.device))
    batch.video[which] = batch.video[which].flip(3)
    batch.c2w[which] = flip @ batch.c2w[which] @ flip
    intrinsics = batch.intrinsics[which]
    intrinsics[..., 2] = batch.video.shape[3] - intrinsics[..., 2]
    batch.intrinsics[which] = intrinsics


class Pool:
    """The newest `capacity` items in device memory, as named tensors; the oldest are overwritten."""

    def __init__(self, capacity: int) -> None:
        self.capacity, self.added = capacity, 0
        self.tensors: dict[str, Tensor] = {}

    def __len__(self) -> int:
        return min(self.added, self.capacity)

    def add(self, **items: Tensor) -> None:
        """Every tensor (N, ...) with the same N."""
        count = len(next(iter(items.values())))
        for name, value in items.items():
            if name not in self.tensors:
                self.tensors[name] = torch.empty(
                    self.capacity, *value.shape[1:], dtype=value.dtype, device=value.device
                )
            slots = (torch.arange(count, device=value.device) + self.added) % self.capacity
            self.tensors[name][slots] = value
        self.added += count

    def draw(self, count: int) -> Tensor:
        """Indices (count,) of random items."""
        device = next(iter(self.tensors.values())).device
        return torch.randint(len(self), (count,), device=device)


@torch.no_grad()
def encoded(
    clips: ClipBatch, vae: VideoVAE, text: TextEncoder, encoding: CameraEncoding
) -> dict[str, Tensor]:
    """Clips as a world model reads them: latents, camera, plucker, text, text_mask; each (B, ...) on their device.

    What is large is half precision on a GPU.
    """
    device = clips.video.device
    with bf16(device):
        latents = torch.cat([vae.encode(to_video(clip[None])) for clip in clips.video])
    height, width = clips.video.shape[2:4]
    camera, plucker = encode_camera(clips.c2w, clips.intrinsics, height, width, encoding)
    words, mask = text.encode(clips.captions)
    kept = kept_as(device)
    return {
        "latents": latents.to(kept),
        "camera": camera.float(),
        "plucker": plucker.to(kept),
        "text": words.to(device, kept),
        "text_mask": mask.to(device),
    }


def kept_as(device: torch.device) -> torch.dtype:
    """What latents and their like are kept as between steps."""
    return torch.float16 if device.type == "cuda" else torch.float32


def bf16(device: torch.device) -> torch.autocast:
    """Mixed precision on a GPU; nothing on a CPU."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def to_video(frames: Tensor) -> Tensor:
    """(B, F, H, W, 3) uint8 -> (B, 3, F, H, W) float32 in [-1, 1]."""
    return frames.permute(0, 4, 1, 2, 3).float() / 127.5 - 1


def to_bytes(pictures: Tensor) -> Tensor:
    """(N, 3, H, W) in [-1, 1] -> uint8."""
    return ((pictures.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def side_by_side(above: Tensor, below: Tensor) -> Tensor:
    """Two batches of clips (B, F, H, W, 3) uint8 as one film (F, 2 H, B W, 3)."""
    rows = torch.cat([above, below], dim=2)
    return torch.cat(list(rows.unbind(0)), dim=2)


def held_out(clips: ClipConfig, device: torch.device, worlds: int = 8) -> ClipBatch:
    """Clips from the first worlds of the validation split: the same ones every time, in every process."""
    config = replace(clips, split="val", seed=0, through=0.0)
    dataset = WorldDataset(config)
    return render_clips([dataset[index] for index in range(worlds)], config, device)


def _path(world: World, config: ClipConfig, rng: Generator) -> CameraPath:
    from flythrough.evaluate.paths import Camera, tour
    from flythrough.worlds.walks import random_walk

    if config.tours and rng.random() < config.tours:
        return tour(world, Camera(config.height, config.width, fov_deg=rng.uniform(55, 85)), config.frames)
    through = bool(config.through) and rng.random() < config.through
    return random_walk(world, config.frames, rng, height=config.height, width=config.width, through=through)


def _random(seed: int) -> Generator:
    import numpy as np

    return np.random.default_rng(seed)


def _allow_many_files() -> None:
    """Every tensor that waits for its turn between processes holds a file open; the usual limit is 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
