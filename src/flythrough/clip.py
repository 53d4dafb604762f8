"""A clip that is made at once: for models that see all latent frames while they denoise."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from flythrough import grid
from flythrough.camera.path import CameraPath
from flythrough.conditioning import CameraEncoding, Conditioning, encode_camera
from flythrough.model.transformer import SanaWM
from flythrough.presets import Sampling
from flythrough.sampling.euler import chunk_starts, sample_euler, sample_staggered
from flythrough.sampling.guidance import guided
from flythrough.session import Opening
from flythrough.tensors import noise


def sample_clip(
    model: SanaWM,
    opening: Opening,
    path: CameraPath,
    *,
    encoding: CameraEncoding,
    sampling: Sampling,
    seed: int = 0,
    steps: int | None = None,
    guidance_scale: float | None = None,
) -> Iterator[Tensor]:
    """Denoise all latent frames of a path of 8k + 1 frames together.

    Yields the current guess of the clean latents (1, C, k + 1, h, w) float32 after every step; the last one is the
    result. Source: the bidirectional and chunk-causal samplers of SANA-WM, arXiv 2605.15178.
    """
    first = opening.latent
    T, device = grid.latent_frames(path.frames), first.device
    scale = sampling.guidance_scale if guidance_scale is None else guidance_scale
    positive = _told(opening.text, opening.text_mask, path, encoding, device)
    negative = None
    if opening.negative_text is not None and opening.negative_mask is not None:
        negative = _told(opening.negative_text, opening.negative_mask, path, encoding, device)
    velocity = guided(model, positive, negative, scale)
    x = noise((1, first.shape[1], T, *first.shape[3:]), seed).to(device)
    x = torch.cat([first, x[:, :, 1:]], dim=2)
    held, sigmas = torch.arange(T, device=device) == 0, sampling.sigmas(steps)
    if sampling.order == "whole":
        return sample_euler(velocity, x, sigmas, held)
    return sample_staggered(velocity, x, sigmas, held, chunk_starts(T, model.config.chunk))


def _told(
    text: Tensor, mask: Tensor, path: CameraPath, encoding: CameraEncoding, device: torch.device
) -> Conditioning:
    camera, plucker = encode_camera(path.c2w, path.intrinsics, path.height, path.width, encoding)
    return Conditioning(
        text=text, text_mask=mask, camera=camera[None].to(device), plucker=plucker[None].to(device)
    )
