"""One run of the bench: which parts, ours and the peer's, as rows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from flythrough import grid
from flythrough.bench import decode, peers, refine, stage1, whole
from flythrough.bench.clock import Timing, ceilings
from flythrough.errors import InputError

WHOLE = ("sana-wm-streaming", "sana-wm", "mini")  # flights through the front door
PARTS = ("stage1", "stream", "refine", "decode", *WHOLE)
FULL_SIZE = PARTS[:-1]


@dataclass(frozen=True)
class Row:
    """One measurement. seconds: of what `what` says; share: of the card's bfloat16 ceiling, if it was counted."""

    part: str
    who: str
    what: str
    seconds: float
    peak_gib: float
    first_seconds: float
    share: float = math.nan


def run(
    parts: list[str] | None,
    frames: int,
    device: torch.device,
    *,
    compiled: bool,
    beside_peers: bool,
    steps: int | None = None,
) -> Iterator[Row]:
    """Measure part by part. The official sizes need a GPU; a CPU measures mini.

    frames  of the clip, 961 for a minute
    steps   of denoising in whole flights; the models' own numbers by default
    Raises InputError for a part that does not exist, or that this device cannot run.
    """
    chosen = parts or list(PARTS if device.type == "cuda" else ("mini",))
    for part in chosen:
        if part not in PARTS:
            raise InputError(f"there is no part {part!r} to bench; there are {', '.join(PARTS)}")
        if part in FULL_SIZE and device.type != "cuda":
            raise InputError(
                f"{part} is of the full-size models, which need a GPU here; on a CPU there is mini"
            )
    T = grid.latent_frames_covering(frames)
    tflops = ceilings(device)["bf16_tflops"] if device.type == "cuda" else math.nan
    beside = beside_peers and peers.installed()
    for part in chosen:
        for who, timing, what, work in _rows(part, T, frames, device, compiled, beside, steps):
            share = work / timing.seconds / tflops if work else math.nan
            yield Row(part, who, what, *_numbers(timing), share)


def save(rows: list[Row], device: torch.device, path: Path) -> None:
    """Write rows, and what they were measured on, as JSON."""
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    plain = [
        {name: None if value != value else value for name, value in asdict(row).items()}  # JSON knows no NaN
        for row in rows
    ]
    about: dict[str, Any] = {"device": card, "torch": torch.__version__, "peer": f"diffusers {peers.VERSION}"}
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(json.dumps(about | {"rows": plain}, indent=1) + "\n")
    temporary.replace(path)


def _rows(
    part: str, T: int, frames: int, device: torch.device, compiled: bool, beside: bool, steps: int | None
) -> Iterator[tuple[str, Timing, str, float]]:
    """(who, timing, what, TFLOP of it or 0)."""
    clip = f"{T} latent frames"
    if part == "stage1":
        work = stage1.TFLOP_121 if T == 121 else 0
        for who, timing in stage1.forwards(T, device, compiled=compiled, peers=beside):
            yield who, timing, f"a bidirectional forward, {clip}", work
    elif part == "stream":
        for who, timing in stage1.streams(T, device):
            yield who, timing, f"all chunks of {clip}", stage1.TFLOP_A_STEP * 5 * ((T - 1) // 3)
    elif part == "refine":
        for who, timing in refine.clips(T, device, peers=beside):
            yield who, timing, f"all blocks of {clip}", refine.TFLOP_A_STEP * 4 * ((T - 1) / 3)
    elif part == "decode":
        for who, timing in decode.clips(T, device, peers=beside):
            yield who, timing, f"{clip} to pictures", decode.TFLOP_A_FRAME * T
    else:
        asked = "" if steps is None else f", {steps} steps"
        for who, timing in whole.clips(part, frames, device, steps):
            yield who, timing, f"{frames} frames to a video{asked}", 0


def _numbers(timing: Timing) -> tuple[float, float, float]:
    return timing.seconds, timing.peak_gib, timing.first_seconds
