"""Flights of toy models, the same in every process."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from flythrough.camera.path import CameraPath
from flythrough.model.config import ModelConfig
from flythrough.model.transformer import SanaWM
from flythrough.pipeline import Pipeline
from flythrough.presets import PRESETS
from flythrough.session import Opening, Session
from flythrough.shot import Shot
from flythrough.text.base import Words
from flythrough.vae.mini import MiniVAE, MiniVAEConfig
from tests.toys import toy

VAE = MiniVAEConfig(
    latent_channels=8, encoder_widths=(8, 8, 8, 8), decoder_widths=(8, 8, 8, 8), decoder_blocks=(1, 1, 1, 1)
)
MODEL = ModelConfig(
    depth=4,
    heads=1,
    head_dim=16,
    latent_channels=8,
    caption_channels=6,
    mlp_ratio=2.0,
    softmax_scale_main=0.25,
    softmax_scale_camera=0.25,
    chunk=1,
    window=2,
    sink=True,
)
FIRST = np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8)


def parts(chunk: int = 1) -> tuple[SanaWM, MiniVAE, Opening]:
    """A model, its autoencoder and where a flight begins, with random weights."""
    torch.manual_seed(3)
    model = SanaWM(replace(MODEL, chunk=chunk))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    latent = torch.randn(1, 8, 1, 2, 3)
    words = Words(text=torch.randn(1, 4, 6), text_mask=torch.ones(1, 4, dtype=torch.bool))
    opening = Opening(latent=latent, words=words, prompt="hills")
    return model.requires_grad_(False), MiniVAE(VAE).requires_grad_(False), opening


def read(prompt: str, negative: str = "") -> Words:
    """Words that only depend on the prompt; longer prompts have more of them."""
    generator = torch.Generator().manual_seed(sum(prompt.encode()))
    mask = torch.arange(4) < max(1, min(4, len(prompt) // 4))
    text = torch.randn(1, 4, 6, generator=generator) * mask[:, None]
    return Words(text=text, text_mask=mask[None])


def session(chunk: int = 1, plus_one: bool = False, seed: int = 0, **more) -> Session:
    """A flight of one stage, two steps a chunk."""
    model, vae, opening = parts(chunk)
    return Session(
        model,
        vae,
        opening,
        encoding=PRESETS["mini"].camera_encoding,
        sigmas=(1.0, 0.5, 0.0),
        first_plus_one=plus_one,
        seed=seed,
        read=read,
        **more,
    )


def path(frames: int) -> CameraPath:
    return CameraPath.parse("w-40,dw-40,iw-400,aw-600", height=64, width=96).take(slice(frames))


def flown(flight: Session, way: CameraPath, cuts: list[int]) -> np.ndarray:
    """Fly a path in pieces, to its last frame."""
    parts = [flight.push(c, k) for c, k in zip(way.c2w.split(cuts), way.intrinsics.split(cuts), strict=True)]
    return np.concatenate([*parts, flight.finish()])


def two_stages() -> Pipeline:
    """A streaming pipeline whose refiner's window fills soon. Adds itself to the presets."""
    plan = toy("stream")
    assert plan.refining is not None
    PRESETS["toy"] = replace(plan, refining=replace(plan.refining, kv_max_frames=5))
    return Pipeline.random("toy", device="cpu", dtype=torch.float32)


def shot(frames: int, seed: int = 0) -> Shot:
    return Shot(camera=path(frames), image=FIRST, prompt="hills", seed=seed)
