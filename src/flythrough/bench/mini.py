"""mini on this machine: how long a clip takes, and where the time goes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch

from flythrough.bench.clock import Timing
from flythrough.camera.path import CameraPath
from flythrough.pipeline import Pipeline
from flythrough.shot import Shot


def clips(frames: int, device: torch.device) -> Iterator[tuple[str, Timing]]:
    """(what, timing) of a clip with the shipped weights: all of it, and the transformer's and decoder's shares."""
    pipeline = Pipeline.load("mini", device=str(device))
    pipeline.read("a quiet valley", "")  # the text encoder is loaded now, not while the clock runs
    spent = {"transformer": 0.0, "decoder": 0.0}
    for part, module, method in (
        ("transformer", pipeline.model, "forward"),
        ("decoder", pipeline.vae, "decode_chunk"),
    ):
        setattr(module, method, _timed(getattr(module, method), spent, part, device))
    path = CameraPath.parse("dolly:speed=1.2", frames=frames)
    picture = np.full((256, 448, 3), 128, np.uint8)
    shot = Shot(camera=path, image=picture, prompt="a quiet valley")
    begin, first = time.perf_counter(), 0.0
    for _ in pipeline.generate(shot):
        first = first or time.perf_counter() - begin
    total, nothing = time.perf_counter() - begin, float("nan")
    yield "flythrough, mini", Timing(total, nothing, first)
    for part, seconds in spent.items():
        yield f"flythrough, mini: {part}", Timing(seconds, nothing, nothing)


def _timed(call, spent: dict[str, float], part: str, device: torch.device):
    def timed(*args, **options):
        begin = time.perf_counter()
        result = call(*args, **options)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        spent[part] += time.perf_counter() - begin
        return result

    return timed
