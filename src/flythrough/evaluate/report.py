"""`flythrough evaluate`: all figures of a model on held-out worlds: a table, JSON and a contact sheet."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flythrough.errors import InputError

if TYPE_CHECKING:
    from flythrough.evaluate.bench import Bench, Progress
    from flythrough.evaluate.figures import Report
    from flythrough.evaluate.film import Flyer

PARTS = ("vae", "truth", "control", "back", "minute", "prompts")


def run(
    model: str = "mini",
    clips: int = 32,
    seeds: tuple[int, int] | None = None,
    steps: int = 4,
    out: Path | None = None,
    parts: Sequence[str] | None = None,
    progress: Progress | None = None,
    *,
    device: str | None = None,
    text_folder: Path | None = None,
    show: bool = True,
) -> Report:
    """Evaluate a model on worlds of the test split.

    model        a preset, or a folder with weights
    clips        number of worlds; seeds (a, b) asks for the worlds a .. b - 1 instead
    parts        some of PARTS, all by default
    out          where the JSON goes; a contact sheet of truth above generated goes beside it as .png
    progress     called with (part, done, of how many)
    text_folder  the text encoder's files, where the package that ships them is not installed
    show         print the table
    """
    parts, numbers = _checked(clips, seeds, steps, out, parts)
    if text_folder is not None and not text_folder.is_dir():
        raise InputError(f"{text_folder}: there is no such folder; expected the files of all-MiniLM-L6-v2")
    from flythrough.evaluate.flyer import ModelFlyer

    flyer = ModelFlyer.load(model, steps=steps, device=device, text_folder=text_folder)
    report = examine(flyer, numbers, parts, progress, about={"model": model, "steps": steps}, out=out)
    if show:
        from rich.console import Console

        Console().print(report.table())
    return report


def examine(
    flyer: Flyer,
    seeds: list[int],
    parts: Sequence[str] = PARTS,
    progress: Progress | None = None,
    *,
    about: dict[str, object] | None = None,
    out: Path | None = None,
) -> Report:
    """The figures of anything that flies. JSON and contact sheet are written again after every part."""
    import torch

    from flythrough.evaluate.bench import Bench
    from flythrough.evaluate.figures import Report

    known = {"clips": len(seeds), "seeds": seeds, "split": "test", "device": str(flyer.device), "seconds": {}}
    report = Report({"model": "", "steps": 0} | (about or {}) | known)
    bench = Bench(flyer, seeds, report)
    if progress is not None:
        bench.progress = progress
    for name, measure in _measures(parts).items():
        begin = time.monotonic()
        with torch.no_grad():
            measure(bench)
        report.about["seconds"][name] = round(time.monotonic() - begin, 1)
        if out is not None:
            write(bench, out)
    return report


def write(bench: Bench, out: Path) -> None:
    """The report as JSON at `out`, the contact sheet beside it if anything was flown; whole or not at all."""
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + ".part")
    part.write_text(json.dumps(bench.report.as_json(), indent=1))
    os.replace(part, out)
    if bench.sheet.rows:
        part = out.with_suffix(".png.part")
        bench.sheet.picture().save(part, format="PNG")
        os.replace(part, out.with_suffix(".png"))


def _measures(parts: Sequence[str]) -> dict:
    """What to call, in order. The autoencoder's figures and the flights' share the filming of the clips."""
    from flythrough.evaluate import control, journeys, prompts, truth

    vae, flights = "vae" in parts, "truth" in parts
    filmed = " + ".join(part for part in ("vae", "truth") if part in parts)
    measures = {filmed: lambda bench: truth.measure(bench, vae=vae, flights=flights)} if filmed else {}
    others = {
        "control": control.measure,
        "back": journeys.out_and_back,
        "minute": journeys.minute,
        "prompts": prompts.measure,
    }
    return measures | {name: measure for name, measure in others.items() if name in parts}


def _checked(
    clips: int, seeds: tuple[int, int] | None, steps: int, out: Path | None, parts: Sequence[str] | None
) -> tuple[tuple[str, ...], list[int]]:
    """All that can be refused before anything heavy loads."""
    parts = tuple(parts or PARTS)
    for part in parts:
        if part not in PARTS:
            raise InputError(f"there is no part {part!r} of the evaluation; there are {', '.join(PARTS)}")
    if clips < 1:
        raise InputError(f"clips is {clips}; it must be at least 1")
    if steps < 1:
        raise InputError(f"steps is {steps}; it must be at least 1")
    begin, end = (0, clips) if seeds is None else seeds
    if not 0 <= begin < end <= 2**31:
        raise InputError(f"seeds are {begin}:{end}; expected A:B with 0 <= A < B <= 2147483648, such as 0:32")
    if out is not None and out.suffix != ".json":
        raise InputError(f"{out}: the report is written as JSON; expected a name that ends in .json")
    return parts, list(range(begin, end))
