"""A whole flight through the front door, from a picture to a video file: how long it takes, and where the time goes."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from flythrough.bench.clock import GIB, Timing
from flythrough.camera.path import CameraPath
from flythrough.media import VideoWriter
from flythrough.pipeline import Pipeline
from flythrough.shot import Shot


@dataclass
class Watch:
    """Seconds and peak memory of some methods, each waited for; that costs a flight little, for it is one by one."""

    device: torch.device
    seconds: dict[str, float] = field(default_factory=dict)
    peak_gib: dict[str, float] = field(default_factory=dict)

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

    The first call of the whole is the time to the first picture; that of the parts is not told apart.
    """
    pipeline = (
        Pipeline.load("mini", device=str(device))
        if model == "mini"
        else Pipeline.random(model, device=str(device))
    )
    pipeline.read("a quiet valley", "")  # mini's text encoder is loaded now, not while the clock runs
    watch = Watch(device)
    watch.on(pipeline.vae, "encode", "first frame")
    watch.on(pipeline.model, "forward", "transformer")
    watch.on(pipeline.vae, "decode_chunk", "decoder")
    if pipeline.refiner is not None:
        watch.on(pipeline.refiner, "forward", "refiner")
        watch.on(pipeline.refiner, "remember", "refiner")
    plan = pipeline.preset
    path = CameraPath.parse("dolly:speed=1.2", frames=frames, height=plan.height, width=plan.width)
    picture = np.random.default_rng(0).integers(0, 255, (plan.height, plan.width, 3), dtype=np.uint8)
    shot = Shot(camera=path, image=picture, prompt="a quiet valley", steps=steps)
    begin, first = time.perf_counter(), 0.0
    with tempfile.TemporaryDirectory() as folder, VideoWriter(Path(folder) / "fly.mp4", path.fps) as video:
        for pictures in pipeline.generate(shot):
            first = first or time.perf_counter() - begin
            video.write(pictures)
    total = time.perf_counter() - begin
    yield f"flythrough, {pipeline.name}", Timing(total, max(watch.peak_gib.values(), default=math.nan), first)
    for part, seconds in watch.seconds.items():
        yield f"  {part}", Timing(seconds, watch.peak_gib.get(part, math.nan), math.nan)
