"""An evaluation, part by part, in this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch

from flythrough.evaluate import control, journeys, prompts, truth
from flythrough.evaluate.bench import Bench, Progress
from flythrough.evaluate.figures import Report
from flythrough.evaluate.film import Flyer
from flythrough.evaluate.parts import PARTS


def examine(
    flyer: Flyer, seeds: list[int], parts: Sequence[str] = PARTS, progress: Progress | None = None
) -> Report:
    """The figures of anything that flies, on worlds of the test split."""
    bench = Bench(flyer, seeds, Report({"device": str(flyer.device), "seconds": {}}))
    if progress is not None:
        bench.progress = progress
    for name, measure in _measures(parts).items():
        begin = time.monotonic()
        with torch.no_grad():
            measure(bench)
        bench.report.about["seconds"][name] = round(time.monotonic() - begin, 1)
    return bench.report


def _measures(parts: Sequence[str]) -> dict[str, Callable[[Bench], None]]:
    vae, flights = "vae" in parts, "truth" in parts
    filmed = " + ".join(part for part in ("vae", "truth") if part in parts)
    measures: dict[str, Callable[[Bench], None]] = {
        filmed: lambda bench: truth.measure(bench, vae=vae, flights=flights),
        "control": control.measure,
        "back": journeys.out_and_back,
        "minute": journeys.minute,
        "prompts": prompts.measure,
    }
    return {name: measure for name, measure in measures.items() if name and (name == filmed or name in parts)}
