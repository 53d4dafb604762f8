"""Decoded video as pictures on the host; from a GPU they come while it goes on working."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import torch
from torch import Tensor

from flythrough.media import Film


def to_film(video: Tensor) -> Film:
    """video (1, 3, n, H, W), about -1 to 1, on any device -> frames (n, H, W, 3) uint8."""
    return Delivery(video).film()


def films(videos: Iterable[Tensor]) -> Iterator[Film]:
    """`to_film` of each video, one behind: when a film is given, the next video is in the making."""
    before: Delivery | None = None
    for video in videos:
        now = Delivery(video)
        if before is not None:
            yield before.film()
        before = now
    if before is not None:
        yield before.film()


class Delivery:
    """Frames on their way to the host. They leave at once and `film` waits for them.

    A GPU copies several times as fast to page-locked memory, and only there without making the host wait; films
    themselves lie in ordinary memory, so that keeping them locks no pages.
    """

    def __init__(self, video: Tensor) -> None:
        """video (1, 3, n, H, W), about -1 to 1."""
        self._frames = _pictures(video)
        self._host = self._frames
        self._arrived: torch.cuda.Event | None = None
        if video.is_cuda:
            road = _road(video.device)
            road.wait_stream(torch.cuda.current_stream(video.device))
            self._host = torch.empty(self._frames.shape, dtype=torch.uint8, pin_memory=True)
            with torch.cuda.stream(road):
                self._host.copy_(self._frames, non_blocking=True)
                self._arrived = torch.cuda.Event()
                self._arrived.record(road)

    def film(self) -> Film:
        """Frames (n, H, W, 3) uint8."""
        if self._arrived is None:
            return self._host.numpy()
        self._arrived.synchronize()
        return self._host.numpy().copy()


def _pictures(video: Tensor) -> Tensor:
    """video (1, 3, n, H, W) -> frames (n, H, W, 3) uint8 on the same device."""
    frames = video[0].permute(1, 2, 3, 0).float().clamp(-1, 1)
    return frames.add_(1).mul_(127.5).round_().to(torch.uint8).contiguous()


@lru_cache
def _road(device: torch.device) -> torch.cuda.Stream:
    """A stream for copies alone, so that nothing waits for them."""
    return torch.cuda.Stream(device)
