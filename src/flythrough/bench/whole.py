"""A whole flight through the front door, from a picture to a video file: how long it takes, and where the time goes."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from flythrough.bench.clock import GIB, Timing
from flythrough.camera.path import CameraPath
from flythrough.flight.receipt import Receipt
from flythrough.media import VideoWriter
from flythrough.pipeline import Pipeline
from flythrough.shot import Shot


@dataclass
class Watch:
    """Seconds and peak memory of some methods, each waited for; and what the receipts of a stream say."""

    device: torch.device
    seconds: dict[str, float] = field(default_factory=dict)
    peak_gib: dict[str, float] = field(default_factory=dict)

    def take(self, receipt: Receipt) -> None:
        """Add a chunk's seconds."""
        for part, seconds in receipt.seconds.items():
            self.seconds[part] = self.seconds.get(part, 0.0) + seconds

    def on(self, owner: Any, method: str, part: str) -> None:
        """From now on calls of owner.method count for a part."""
        setattr(owner, method, self._timed(getattr(owner, method), part))

    def _timed(self, call: Callable[..., Any], part: str) -> Callable[..., Any]:
        def timed(*given: Any, **options: Any) -> Any:
            on_gpu = self.device.type == "cuda"
            if on_gpu:
                torch.cuda.synchronize(self.device)
                torch.cuda.reset_peak_memory_stats(self.device)
            begin = time.perf_counter()
            result = call(*given, **options)
            if on_gpu:
                torch.cuda.synchronize(self.device)
                peak = torch.cuda.max_memory_allocated(self.device) / GIB
                self.peak_gib[part] = max(peak, self.peak_gib.get(part, 0.0))
            self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - begin
            return result

        return timed


def clips(
    model: str, frames: int, device: torch.device, steps: int | None = None
) -> Iterator[tuple[str, Timing]]:
    """(what, timing) of a flight of `frames`: all of it, then its parts. A full-size model has random weights.

    The first call of the whole is the time to the first picture; that of the parts is not told apart. A stream flies
    live first, in a process that has computed nothing yet; after that the whole is measured with kernels chosen.
    """
    pipeline = (
        Pipeline.load("mini", device=str(device))
        if model == "mini"
        else Pipeline.random(model, device=str(device))
    )
    pipeline.read("a quiet valley", "")  # mini's text encoder is loaded now, not while the clock runs
    plan, watch = pipeline.preset, Watch(device)
    path = CameraPath.parse("dolly:speed=1.2", frames=frames, height=plan.height, width=plan.width)
    picture = np.random.default_rng(0).integers(0, 255, (plan.height, plan.width, 3), dtype=np.uint8)
    shot = Shot(camera=path, image=picture, prompt="a quiet valley", steps=steps)
    streams = plan.sampling.order == "stream"
    if not streams:  # of a stream the receipts say it, and nothing needs to be waited for
        watch.on(pipeline.model, "forward", "transformer")
        if pipeline.refiner is not None:
            watch.on(pipeline.refiner, "forward", "refiner")
            watch.on(pipeline.refiner, "remember", "refiner")
        watch.on(pipeline.vae, "decode_chunk", "decoder")
    if streams:
        yield "live, from a chunk's last key to its pictures", _live(pipeline, shot)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    begin, first = time.perf_counter(), 0.0
    session = pipeline.open(shot, on_chunk=watch.take) if streams else None
    with tempfile.TemporaryDirectory() as folder, VideoWriter(Path(folder) / "fly.mp4", path.fps) as video:
        for pictures in pipeline.generate(shot, session=session):
            first = first or time.perf_counter() - begin
            video.write(pictures)
    total = time.perf_counter() - begin
    peak = torch.cuda.max_memory_allocated(device) / GIB if device.type == "cuda" else math.nan
    yield f"flythrough, {pipeline.name}", Timing(total, max(peak, *watch.peak_gib.values(), 0.0), first)
    for part, seconds in watch.seconds.items():
        yield f"  {part}", Timing(seconds, watch.peak_gib.get(part, math.nan), math.nan)


def _live(pipeline: Pipeline, shot: Shot, chunks: int = 12) -> Timing:
    """Seconds between a chunk's last key and its pictures on the host: in a flight under way, and at its start."""
    session, taken = pipeline.open(shot), []
    for _ in range(chunks):
        begin = time.perf_counter()
        session.hold("w", session.chunk_frames)
        taken.append(time.perf_counter() - begin)
    return Timing(median(taken[chunks // 2 :]), math.nan, taken[0])
