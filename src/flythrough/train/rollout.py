"""The rollout engine: fly a student in a cached stream, then ask it about all chunks of its flights at once.

A flight is made chunk by chunk, without gradients, by the same sampler as everywhere (`rollout`). What it leaves is
the past that each chunk has seen. Teacher forcing on that past is then the same stream in parallel: all chunks go
from noise down to some noise level (`descend`), and one more question there carries the gradient (`answer`). So the
exit steps of all chunks, and nothing before them, are one backward pass of the shape that training has.
"""

from __future__ import annotations

from itertools import groupby, pairwise

import torch
from torch import Tensor

from flythrough import flow
from flythrough.conditioning import Conditioning
from flythrough.model.transformer import SanaWM
from flythrough.sampling.chunks import sample_chunk
from flythrough.sampling.graphs import Steps
from flythrough.train.data import bf16


@torch.no_grad()
def rollout(
    steps: Steps, latents: Tensor, noise: Tensor, cond: Conditioning, sigmas: Tensor, own: tuple[bool, ...]
) -> Tensor:
    """Fly: the chunks in `own` are sampled, the others are shown as they truly are.

    latents  (B, C, T, h, w) float32, the truth: read are its first frame and the chunks that are shown
    noise    like latents
    sigmas   (steps + 1,) falling from 1 to 0
    own      a flag for each of the T / model.config.chunk chunks
    Returns what the stream remembers, (B, C, T, h, w); the first frame is always the true one.
    """
    model = steps.model
    state, chunk, parts = model.new_state(), model.config.chunk, []
    with bf16(latents.device):
        for mine, group in groupby(range(len(own)), key=own.__getitem__):
            starts = [chunk * number for number in group]
            for t in starts if mine else []:
                now, first = slice(t, t + chunk), latents[:, :, :1] if t == 0 else None
                parts.append(sample_chunk(steps, noise[:, :, now], cond.frames(now), state, sigmas, first))
            if not mine:
                run = slice(starts[0], starts[-1] + chunk)
                parts.append(latents[:, :, run])
                clean = latents.new_zeros(len(latents), run.stop - run.start)
                bounds = tuple(t - run.start for t in (*starts, run.stop))
                model(parts[-1], clean, cond.frames(run), bounds=bounds, state=state, save=True)
    return torch.cat(parts, dim=2)


def answer(model: SanaWM, past: Tensor, x: Tensor, sigma: Tensor, cond: Conditioning) -> Tensor:
    """The velocity of every chunk of x (B, C, T, h, w) at sigma (B, T), as a stream that remembers `past` says it.

    Gradients reach the weights, those that write the memory among them, but never what is remembered.
    """
    bounds = tuple(range(0, x.shape[2] + 1, model.config.chunk))
    with bf16(x.device):
        return model.teacher_forcing(past.detach(), x.detach(), 1000 * sigma, cond, bounds)


@torch.no_grad()
def descend(
    model: SanaWM, past: Tensor, x: Tensor, cond: Conditioning, levels: Tensor, held: Tensor
) -> Tensor:
    """From noise to the last of the levels by Euler steps, all chunks at once, each seeing `past` before it.

    x       (B, C, T, h, w): noise at the first level, but clean where held
    levels  (steps + 1,) falling from 1; down to 0 this is what a stream samples, if it remembers `past`
    held    (B, T) bool: these latent frames stay as they are
    """
    for now, after in pairwise(levels.to(x.device)):
        v = answer(model, past, x, at_level(now, held), cond)
        x = x + (at_level(after, held) - at_level(now, held))[:, None, :, None, None] * v
    return x


def exit_step(
    model: SanaWM, past: Tensor, x: Tensor, cond: Conditioning, levels: Tensor, held: Tensor
) -> Tensor:
    """The clean latents that the model sees from the last of the levels. Only that step has a gradient."""
    x, sigma = descend(model, past, x, cond, levels, held), at_level(levels[-1].to(x.device), held)
    return flow.clean(x, answer(model, past, x, sigma, cond), sigma[:, None, :, None, None])


def at_level(level: Tensor, held: Tensor) -> Tensor:
    """A noise level for every frame, (B, T): 0 where held."""
    return torch.where(held, 0.0, level)


def holding(noise: Tensor, latents: Tensor) -> tuple[Tensor, Tensor]:
    """Noise with the first frame given, and which frames are held, (B, T) bool."""
    held = torch.zeros(len(noise), noise.shape[2], dtype=torch.bool, device=noise.device)
    held[:, 0] = True
    return torch.cat([latents[:, :, :1], noise[:, :, 1:]], dim=2), held


def cut(x: Tensor, dim: int, start: int, length: int) -> Tensor:
    """Cut time, axis `dim` of x (B, ...), into windows of `length` frames from `start` on: (B n, ...)."""
    count = (x.shape[dim] - start) // length
    return x.narrow(dim, start, count * length).unflatten(dim, (count, length)).movedim(dim, 1).flatten(0, 1)
