"""Chunk borders as kernels read them."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor


@lru_cache(maxsize=64)  # so that the host need not wait for a copy in every layer
def chunks_on(bounds: tuple[int, ...], device: torch.device) -> Tensor:
    """For every frame where its chunk begins and ends, (T, 2) int32; bounds 0 = b0 < b1 < ... = T."""
    frames = [(begin, end) for begin, end in pairwise(bounds) for _ in range(begin, end)]
    with torch.inference_mode(False):
        return torch.tensor(frames, dtype=torch.int32, device=device)
