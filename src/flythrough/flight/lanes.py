"""Where later stages work on one chunk while the model makes the next: streams of a GPU, a thread of a CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from typing import Any, TypeVar

import torch
from torch import Tensor

from flythrough.film import Delivery, Later
from flythrough.tensors import threads

T = TypeVar("T")


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


class Helper:
    """On a CPU, a second thread that decodes; elsewhere, or when it is not at work, everybody decodes for himself.

    Most operations of a small model are too small to be shared out: two of them at once take half the time. And other
    programs on the same cores hold one of the two up, not both.
    """

    def __init__(self) -> None:
        self._working = False
        self._last: Future[Any] | None = None

    @contextmanager
    def at_work(self, device: torch.device) -> Iterator[None]:
        """Whether the block is helped."""
        before, self._working = self._working, device.type == "cpu"
        try:
            yield
        finally:
            self._working = before

    def beside_it(self) -> AbstractContextManager[None]:
        """In the block this thread has the cores that the helper leaves: half of them."""
        return threads(_half(torch.get_num_threads())) if self._working else nullcontext()

    def decode(self, make: Callable[[], Delivery]) -> Delivery | Later:
        """Decode, or have it done, in the order of the calls."""
        made = self.do(make)
        return Later(made) if isinstance(made, Future) else made

    def do(self, work: Callable[[], T]) -> T | Future[T]:
        """Something to be done after all that it was asked for before."""
        if not self._working:
            self.settle()
            return work()
        half = _half(torch.get_num_threads())

        def done() -> T:
            torch.set_num_threads(half)
            return work()

        self._last = future = _decoder().submit(done)
        return future

    def settle(self) -> None:
        """Wait until all is done that it was asked for."""
        if self._last is not None:
            wait([self._last])
            self._last = None


def meet(device: torch.device) -> None:
    """Wait until all lanes are empty: before their memory is read elsewhere."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@lru_cache
def _lane(name: str, device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)


@lru_cache
def _decoder() -> ThreadPoolExecutor:
    """One thread for all flights: their models take turns too."""
    return ThreadPoolExecutor(1, "decoder")


def _half(count: int) -> int:
    return max(1, count // 2)
