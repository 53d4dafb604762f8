"""A clip that is made at once: for models that see all latent frames while they denoise."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from flythrough import grid
from flythrough.camera.path import CameraPath
from flythrough.conditioning import CameraEncoding, Conditioning, encode_camera
from flythrough.film import Delivery, films
from flythrough.media import Film
from flythrough.model.transformer import SanaWM
from flythrough.presets import Sampling
from flythrough.sampling.euler import chunk_starts, last_begin, sample_euler, sample_staggered
from flythrough.sampling.guidance import guided
from flythrough.session import Opening
from flythrough.tensors import noise
from flythrough.vae.base import VAEState, VideoVAE

FRAMES_AT_ONCE = 32  # the two-sided decoder gives the end of a clip in one piece of over a hundred


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
) -> Iterator[tuple[int, int, Tensor]]:
    """Denoise all latent frames of a path of 8k + 1 frames together.

    Yields (steps done, of how many, the current guess of the clean latents (1, C, k + 1, h, w) float32) after every
    step; the last guess is the result. Source: SANA-WM's bidirectional and chunk-causal samplers, arXiv 2605.15178.
    """
    first = opening.latent
    T, device = grid.latent_frames(path.frames), first.device
    scale = sampling.guidance_scale if guidance_scale is None else guidance_scale
    words, negative = opening.words, None
    positive = _told(words.text, words.text_mask, path, encoding, device)
    if words.negative is not None and words.negative_mask is not None:
        negative = _told(words.negative, words.negative_mask, path, encoding, device)
    velocity = guided(model, positive, negative, scale)
    x = noise((1, first.shape[1], T, *first.shape[3:]), seed).to(device)
    x = torch.cat([first, x[:, :, 1:]], dim=2)
    held, sigmas = torch.arange(T, device=device) == 0, sampling.sigmas(steps)
    if sampling.order == "whole":
        total, guesses = len(sigmas) - 1, sample_euler(velocity, x, sigmas, held)
    else:
        starts = chunk_starts(T, model.config.chunk)
        total = len(sigmas) - 1 + last_begin(len(starts), len(sigmas) - 1)
        guesses = sample_staggered(velocity, x, sigmas, held, starts)
    for done, guess in enumerate(guesses, 1):
        yield done, total, guess


@torch.inference_mode()
def decoded(vae: VideoVAE, latents: Tensor, frames: int, piece: int = 3) -> Iterator[Film]:
    """Films (n, H, W, 3) uint8 of latents (1, C, T, h, w), `frames` pictures in all, decoded `piece` by piece.

    Neither the device nor the host ever holds the clip. While one film is used, a GPU makes the next.
    """
    yield from films(map(Delivery, _videos(vae, latents, frames, piece)))


def _videos(vae: VideoVAE, latents: Tensor, frames: int, piece: int) -> Iterator[Tensor]:
    """Videos (1, 3, n, H, W) of the first `frames` pictures."""
    state: VAEState | None = None
    pieces = latents.split(piece, dim=2)
    for number, part in enumerate(pieces, 1):
        video, state = vae.decode_chunk(part, state, last=number == len(pieces))
        for pictures in video[:, :, :frames].split(FRAMES_AT_ONCE, dim=2):
            if pictures.shape[2]:
                yield pictures
        frames -= min(frames, video.shape[2])


def _told(
    text: Tensor, mask: Tensor, path: CameraPath, encoding: CameraEncoding, device: torch.device
) -> Conditioning:
    camera, plucker = encode_camera(path.c2w, path.intrinsics, path.height, path.width, encoding)
    return Conditioning(
        text=text, text_mask=mask, camera=camera[None].to(device), plucker=plucker[None].to(device)
    )
