"""Where later stages work on one chunk while the model makes the next: streams of a GPU, a thread of a CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import lru_cache

import torch
from torch import Tensor

from flythrough.film import Delivery, Later


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

    Most operations of a small model are too small to be shared out: two of them at once take half the time.
    """

    def __init__(self) -> None:
        self._thread: ThreadPoolExecutor | None = None
        self._last: Future[Delivery] | None = None

    @contextmanager
    def at_work(self, device: torch.device) -> Iterator[None]:
        """In the block it has half of the cores, and the model the other half."""
        if device.type != "cpu":
            yield
            return
        threads = torch.get_num_threads()
        half = max(1, threads // 2)
        torch.set_num_threads(half)
        try:
            with ThreadPoolExecutor(1, "decoder", torch.set_num_threads, (half,)) as self._thread:
                yield
        finally:
            self._thread = None
            torch.set_num_threads(threads)

    def do(self, decode: Callable[[], Delivery]) -> Delivery | Later:
        """Decode, or have it done, in the order of the calls."""
        if self._thread is None:
            return decode()
        self._last = self._thread.submit(decode)
        return Later(self._last)

    def settle(self) -> None:
        """Wait until all is done that it was asked for."""
        if self._last is not None:
            wait([self._last])


def meet(device: torch.device) -> None:
    """Wait until all lanes are empty: before their memory is read elsewhere."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@lru_cache
def _lane(name: str, device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)
