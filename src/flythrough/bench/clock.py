"""Seconds and peak memory of a call, and what the card could do at best."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch

GIB = 2**30


@dataclass(frozen=True)
class Timing:
    """Seconds a call (the median), the allocator's peak in GiB, and seconds of the first call, compiling included."""

    seconds: float
    peak_gib: float
    first_seconds: float


def measure(call: Callable[[], object], device: torch.device, repeat: int = 3) -> Timing:
    """Call once to warm up, then `repeat` times, waiting for the device each time."""
    gc.collect()  # a model that was measured before may lie in a cycle, and would count
    begin = time.perf_counter()
    call()
    _wait(device)
    first = time.perf_counter() - begin
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    taken = []
    for _ in range(repeat):
        begin = time.perf_counter()
        call()
        _wait(device)
        taken.append(time.perf_counter() - begin)
    peak = torch.cuda.max_memory_allocated(device) / GIB if device.type == "cuda" else float("nan")
    return Timing(median(taken), peak, first)


def ceilings(device: torch.device) -> dict[str, float]:
    """What the card reaches at best: TFLOP/s of a bfloat16 product 8192 cubed, TB/s of a copy, read and write."""
    a, b = (torch.randn(8192, 8192, device=device, dtype=torch.bfloat16) for _ in range(2))
    product = measure(lambda: a @ b, device, repeat=20).seconds
    source, target = torch.empty(2, 2**30, device=device, dtype=torch.uint8)
    source.random_(0, 255)
    copy = measure(lambda: target.copy_(source), device, repeat=20).seconds
    return {"bf16_tflops": 2 * 8192**3 / product / 1e12, "copy_tbps": 2 * 2**30 / copy / 1e12}


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
