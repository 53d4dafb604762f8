"""The order in which a stream denoises, and what it carries over."""

from __future__ import annotations

import torch
from torch import Tensor

from flythrough.conditioning import Conditioning
from flythrough.model.state import StreamState
from flythrough.model.transformer import SanaWM
from flythrough.sampling.euler import sample_euler
from flythrough.sampling.graphs import Steps


def sample_chunk(
    model: SanaWM | Steps,
    x: Tensor,
    cond: Conditioning,
    state: StreamState,
    sigmas: Tensor,
    first: Tensor | None = None,
) -> Tensor:
    """Denoise the next chunk of a stream, then show it to the model once more, clean, so that it is remembered.

    model  with its steps recorded, where a GPU makes many chunks
    x      (B, C, n, H, W) float32 noise; cond of the same n latent frames
    state  what the chunks before have left; moves on by n frames
    first  (B, C, 1, H, W) the clean first frame of the flight, held in place of the chunk's first; only for chunk 0
    Returns the clean latents (B, C, n, H, W). Source: the self-forcing sampler of SANA-WM, without re-noising.
    """
    frames = x.shape[2]
    held = torch.zeros(frames, dtype=torch.bool, device=x.device)
    if first is not None:
        x = torch.cat([first, x[:, :, 1:]], dim=2)
        held[0] = True

    told = model.embed(cond, state)

    def velocity(x: Tensor, sigma: Tensor) -> Tensor:
        return model(x, (1000 * sigma).expand(len(x), -1), told, state=state)

    if not (first is not None and frames == 1):
        for guess in sample_euler(velocity, x, sigmas, held):
            x = guess
    model(x, torch.zeros(len(x), frames, device=x.device), told, state=state, save=True)
    return x
