"""Video as pictures on the host, and back; they come while the next ones are in the making."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from flythrough.media import Film, Picture


def to_film(video: Tensor) -> Film:
    """video (1, 3, n, H, W), about -1 to 1, on any device -> frames (n, H, W, 3) uint8."""
    return Delivery(video).film()


def to_video(picture: Picture, device: torch.device) -> Tensor:
    """One picture (H, W, 3) uint8 -> video (1, 3, 1, H, W) float32 in [-1, 1]."""
    return (torch.from_numpy(picture).to(device).permute(2, 0, 1).float() / 127.5 - 1)[None, :, None]


def films(
    deliveries: Iterable[Delivery | Later], pause: Callable[[], bool] = lambda: False
) -> Iterator[Film]:
    """The frames of each delivery, one behind where they come later: when a film is given, the next is in the making.

    pause  called after each delivery; where it says so, nothing is begun before all films are given
    """
    before: Delivery | Later | None = None
    for now in deliveries:
        if before is not None:
            yield before.film()
        before = now
        if now.is_here or pause():
            yield now.film()
            before = None
    if before is not None:
        yield before.film()


class Delivery:
    """Frames on their way to the host. They leave at once and `film` waits for them.

    A GPU copies several times as fast to page-locked memory, and only there without making the host wait; films
    themselves lie in ordinary memory, so that keeping them locks no pages.
    """

    def __init__(self, video: Tensor, then: Callable[[], None] = lambda: None) -> None:
        """video (1, 3, n, H, W), about -1 to 1; `then` is called when `film` has them."""
        self._then = then
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

    @property
    def is_here(self) -> bool:
        """Whether there is nothing to wait for, as on a CPU."""
        return self._arrived is None

    def film(self) -> Film:
        """Frames (n, H, W, 3) uint8; to be called once."""
        film = self._host.numpy()
        if self._arrived is not None:
            self._arrived.synchronize()
            film = film.copy()
        self._then()
        return film


class Coming:
    """Frames that were asked for and come one chunk after the other. frames: those that are there already."""

    def __init__(self, frames: Film) -> None:
        self._frames = frames
        self._made: list[Delivery | Later] = []

    def add(self, made: Iterable[Delivery | Later]) -> None:
        """The next ones."""
        self._made.extend(made)

    def film(self) -> Film:
        """Wait for all of them, (n, H, W, 3) uint8; to be called once, from any thread."""
        return np.concatenate([self._frames, *(one.film() for one in self._made)])


class Later:
    """A delivery that another thread is making."""

    is_here = False

    def __init__(self, made: Future[Delivery]) -> None:
        self._made = made

    def film(self) -> Film:
        """Frames (n, H, W, 3) uint8, or what went wrong with them; to be called once."""
        return self._made.result().film()


def _pictures(video: Tensor) -> Tensor:
    """video (1, 3, n, H, W) -> frames (n, H, W, 3) uint8 on the same device."""
    frames = video[0].permute(1, 2, 3, 0).float().clamp(-1, 1)
    return frames.add_(1).mul_(127.5).round_().to(torch.uint8).contiguous()


@lru_cache
def _road(device: torch.device) -> torch.cuda.Stream:
    """A stream for copies alone, so that nothing waits for them."""
    return torch.cuda.Stream(device)
