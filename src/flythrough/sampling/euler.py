"""Euler steps along the model's velocity."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor

Velocity = Callable[[Tensor, Tensor], Tensor]  # x (B, C, T, H, W), sigma (T,) -> velocity like x


@torch.no_grad()
def sample_euler(velocity: Velocity, x: Tensor, sigmas: Tensor, held: Tensor) -> Iterator[Tensor]:
    """Follow dx/dsigma = velocity, from noise to clean latents.

    x       (B, C, T, H, W) float32: noise, except in held frames, which are clean already
    sigmas  (steps + 1,) falling from 1 to 0
    held    (T,) bool: these latent frames stay at sigma 0 and come back as they went in
    Yields the current guess of the clean latents at each step; the last one is the result.
    Source: rectified flow, arXiv 2209.03003; the held first frame, SANA-WM, arXiv 2605.15178.
    """
    levels = torch.where(held, 0.0, sigmas.to(x)[:, None])  # (steps + 1, T)
    for now, after in pairwise(levels):
        v = velocity(x, now)
        yield x - now[:, None, None] * v
        x = x + (after - now)[:, None, None] * v


@torch.no_grad()
def sample_staggered(
    velocity: Callable[[Tensor, Tensor, tuple[int, ...]], Tensor],
    x: Tensor,
    sigmas: Tensor,
    held: Tensor,
    starts: tuple[int, ...],
    interval: float | None = None,
) -> Iterator[Tensor]:
    """As sample_euler, for a chunk-causal model: each chunk begins some steps after the one before it.

    velocity  of the first n latent frames of x, their sigma (n,) and the bounds of their chunks 0 .. n
    starts    where chunks start, the first at 0
    interval  share of a chunk's steps after which the next one begins; one over the number of chunks by default
    Later chunks are not asked about before they begin, nor earlier ones changed once they are clean.
    Source: the chunk-causal teacher's sampler of SANA-WM, arXiv 2605.15178.
    """
    steps, T = len(sigmas) - 1, x.shape[2]
    ends = (*starts[1:], T)
    begins = [_begin(chunk, len(starts), steps, interval) for chunk in range(len(starts))]
    chunk_of = torch.tensor(
        [chunk for chunk, (a, b) in enumerate(zip(starts, ends, strict=True)) for _ in range(a, b)]
    )
    begin_of = torch.tensor(begins)[chunk_of]  # (T,)
    sigmas, clean = sigmas.to(x), x
    for step in range(begins[-1] + steps):
        chunks = sum(begin <= step for begin in begins)
        n = ends[chunks - 1]
        taken = (step - begin_of[:n]).clamp(max=steps).to(x.device)
        now, after = (torch.where(held[:n], 0.0, sigmas[(taken + more).clamp(max=steps)]) for more in (0, 1))
        v = velocity(x[:, :, :n], now, (*starts[:chunks], n))
        clean = torch.cat([x[:, :, :n] - now[:, None, None] * v, x[:, :, n:]], dim=2)
        yield clean
        x = torch.cat([x[:, :, :n] + (after - now)[:, None, None] * v, x[:, :, n:]], dim=2)


def last_begin(chunks: int, steps: int, interval: float | None = None) -> int:
    """The step at which the last chunk of sample_staggered begins; `steps` more follow."""
    return _begin(chunks - 1, chunks, steps, interval)


def chunk_starts(frames: int, chunk: int) -> tuple[int, ...]:
    """Where the chunks of a teacher start: the first has a frame more, and the last takes what is left over.

    Source: NVlabs/Sana's first_chunk_plus_one split.
    """
    if frames <= chunk + 1:
        return (0,)
    starts = [0, *range(chunk + 1, frames, chunk)]
    return tuple(starts[:-1] if frames - starts[-1] < chunk else starts)


def _begin(chunk: int, chunks: int, steps: int, interval: float | None) -> int:
    return int(chunk * (interval or 1 / chunks) * steps)
