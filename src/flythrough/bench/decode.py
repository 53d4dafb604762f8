"""LTX-2's autoencoder: a whole clip of latents to pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from flythrough.bench.clock import Timing, measure
from flythrough.bench.peers import diffusers
from flythrough.clip import decoded
from flythrough.randomness import random_module
from flythrough.vae.ltx2 import LTX2VAE
from flythrough.vae.ltx2_config import LTX2VAEConfig

ROWS, COLUMNS = 22, 40
PIECE = 3  # latent frames at a time
TFLOP_A_FRAME = 9.03  # of one latent frame, tiles not counted twice


@torch.inference_mode()
def clips(T: int, device: torch.device, *, peers: bool) -> Iterator[tuple[str, Timing]]:
    """(who, timing) of decoding T latent frames at the official size, pictures copied to the host as they come."""
    latents = torch.randn(1, 128, T, ROWS, COLUMNS, device=device, dtype=torch.bfloat16)
    for causal in (True, False):
        name = "causal (streaming release)" if causal else "two-sided (bidirectional release)"
        yield f"flythrough, {name}", _ours(latents, device, causal)
        torch.cuda.empty_cache()
    if peers:
        yield "diffusers, tiled", measure(_peer(device, latents), device, repeat=1)


def official(device: torch.device, causal: bool) -> LTX2VAE:
    """The 1.22B autoencoder with random weights in bfloat16."""
    vae = random_module(lambda: LTX2VAE(LTX2VAEConfig(decoder_causal=causal)), device, torch.bfloat16)
    vae.to(memory_format=torch.channels_last_3d)  # pyrefly: ignore[no-matching-overload]
    return vae


def _ours(latents: Tensor, device: torch.device, causal: bool) -> Timing:
    vae = official(device, causal)
    return measure(lambda: _run(vae, latents), device)


def _run(vae: LTX2VAE, latents: Tensor) -> None:
    for _ in decoded(vae, latents, 8 * latents.shape[2] - 7, PIECE):
        pass


def _peer(device: torch.device, latents: Tensor) -> Callable[[], object]:
    """diffusers' decoder as its SANA-WM pipeline runs it: tiled in space and in time."""
    with device:
        vae = diffusers().AutoencoderKLLTX2Video(spatial_compression_ratio=32, temporal_compression_ratio=8)
    vae = vae.to(torch.bfloat16).eval().requires_grad_(False)
    vae.enable_tiling(
        tile_sample_min_height=512,
        tile_sample_min_width=512,
        tile_sample_min_num_frames=96,
        tile_sample_stride_height=448,
        tile_sample_stride_width=448,
        tile_sample_stride_num_frames=64,
    )
    vae.use_framewise_decoding = True
    return lambda: vae.decode(latents, return_dict=False)[0]
