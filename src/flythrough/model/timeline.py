"""Timeline: which latent frames may see which. Everything that mixes frames asks here."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor


@dataclass(frozen=True)
class Timeline:
    """The T latent frames of one call, cut into chunks: both ways inside a chunk, only back across chunks.

    bounds       0 = b0 < b1 < ... = T
    first_chunk  number of the call's first chunk in the whole flight
    teacher      the batch is [clean | noisy]: a noisy chunk sees itself, and of all chunks before it the clean copy
    """

    bounds: tuple[int, ...]
    first_chunk: int = 0
    teacher: bool = False

    @property
    def frames(self) -> int:
        return self.bounds[-1]

    @property
    def chunks(self) -> list[tuple[int, int]]:
        return list(pairwise(self.bounds))

    @property
    def longest(self) -> int:
        return max(end - start for start, end in self.chunks)

    def chunk_starts(self) -> list[int]:
        """For every frame, where its chunk starts."""
        return [start for start, end in self.chunks for _ in range(start, end)]

    def chunk_ends(self) -> list[int]:
        """For every frame, where its chunk ends."""
        return [end for start, end in self.chunks for _ in range(start, end)]

    def source(self, x: Tensor) -> Tensor:
        """What later chunks see of x (B, ...): the clean half under teacher forcing, else x itself."""
        return x[: len(x) // 2] if self.teacher else x

    def memory(self, x: Tensor) -> Tensor:
        """`source` for every clip of the batch: under teacher forcing the clean half twice."""
        return torch.cat([self.source(x)] * 2) if self.teacher else x

    def behind(self, x: Tensor, lag: int, tail: Tensor | None = None, across: bool = True) -> Tensor:
        """For every frame t of x (B, T, ...) frame t - lag as t sees it, and zeros before the flight began.

        tail  (B, n, ...) the frames before the call
        across  False: zeros before the own chunk
        """
        before = shifted(self.memory(x), lag)
        if tail is not None:
            known = torch.cat([x.new_zeros(len(x), lag, *x.shape[2:]), tail], dim=1)[:, -lag:]
            before = torch.cat([known, x], dim=1)[:, : self.frames]
        if across and not self.teacher:
            return before
        if not across:
            before = torch.zeros_like(before)
        starts = self.chunk_starts()
        inside = [t - lag >= starts[t] for t in range(self.frames)]
        return torch.where(_along_time(inside, x), shifted(x, lag), before) if any(inside) else before

    def ahead(self, x: Tensor, lag: int) -> Tensor | None:
        """For every frame t of x (B, T, ...) frame t + lag inside its chunk, zeros beyond; None if there are none."""
        if lag >= self.longest:
            return None
        ends = self.chunk_ends()
        inside = [t + lag < ends[t] for t in range(self.frames)]
        later = torch.cat([x[:, lag:], torch.zeros_like(x[:, :lag])], dim=1)
        return torch.where(_along_time(inside, x), later, torch.zeros_like(later))


def visible_chunks(chunk: int, window: int | None, sink: bool) -> list[int]:
    """The chunks before this one that a softmax block sees. A sink takes the place of the window's oldest chunk."""
    if window is None:
        return list(range(chunk))
    if sink and chunk - window + 1 > 0:
        return [0, *range(chunk - window + 1, chunk)]
    return list(range(max(chunk - window, 0), chunk))


def shifted(x: Tensor, lag: int) -> Tensor:
    """x (B, T, ...) moved to later frames, zeros before."""
    lag = min(lag, x.shape[1])
    return torch.cat([torch.zeros_like(x[:, :lag]), x[:, : x.shape[1] - lag]], dim=1)


def _along_time(flags: list[bool], x: Tensor) -> Tensor:
    return torch.tensor(flags, device=x.device).view(1, -1, *[1] * (x.ndim - 2))
