"""Lanes: streams of a GPU on which a flight's later stages work on one chunk while the model makes the next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import torch
from torch import Tensor


@contextmanager
def beside(name: str, *given: Tensor) -> Iterator[None]:
    """Run the block's kernels after all that was asked for so far, but beside what will be.

    name   of the lane; blocks of one lane come one after another
    given  what the block reads that was made elsewhere; on a CPU nothing is different
    """
    device = given[0].device
    if device.type != "cuda":
        yield
        return
    lane = _lane(name, device)
    lane.wait_stream(torch.cuda.current_stream(device))
    for tensor in given:
        tensor.record_stream(lane)  # its memory is not given away before the lane has read it
    with torch.cuda.stream(lane):
        yield


def meet(device: torch.device) -> None:
    """Wait until all lanes are empty: before their memory is read elsewhere."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@lru_cache
def _lane(name: str, device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)
