"""`flythrough evaluate`: all figures of a model on held-out worlds: a table, JSON and a contact sheet."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flythrough.errors import InputError
from flythrough.evaluate.parts import PARTS
from flythrough.media import check_writable

if TYPE_CHECKING:
    from flythrough.evaluate.bench import Progress
    from flythrough.evaluate.figures import Report


def run(
    model: str = "mini",
    clips: int = 32,
    seeds: tuple[int, int] | None = None,
    steps: int = 4,
    out: Path | None = None,
    parts: Sequence[str] | None = None,
    progress: Progress = lambda part, done, of: None,
    *,
    device: str | None = None,
    text_folder: Path | None = None,
    processes: int | None = 1,
) -> Report:
    """Evaluate a model on worlds of the test split.

    model        a preset, or a folder with weights
    clips        number of worlds; seeds (a, b) asks for the worlds a .. b - 1 instead
    parts        some of PARTS, all by default
    out          where the JSON goes; a contact sheet of truth above generated goes beside it as .png
    progress     called with (part, done, of how many)
    text_folder  the text encoder's files, where the package that ships them is not installed
    processes    how many parts at once, None for as many as the cores allow; more than one needs a main module
                 that may be imported, as Python's multiprocessing does
    """
    parts, numbers = _checked(clips, seeds, steps, out, parts, processes)
    if text_folder is not None and not text_folder.is_dir():
        raise InputError(f"{text_folder}: there is no such folder; expected the files of all-MiniLM-L6-v2")
    from flythrough.evaluate.crew import Task, examined
    from flythrough.evaluate.figures import Report
    from flythrough.pipeline import Pipeline

    Pipeline.check(model)
    begin = time.monotonic()
    report = Report(
        {"model": model, "steps": steps, "clips": len(numbers), "seeds": numbers, "split": "test"}
    )
    report.about["seconds"] = {}
    for part in examined(Task(model, steps, device, text_folder, numbers), parts, progress, processes):
        report.add(part)
        report.about |= {"device": part.about["device"], "seconds in all": round(time.monotonic() - begin, 1)}
        if out is not None:
            report.write(out)
    return report


def _checked(
    clips: int,
    seeds: tuple[int, int] | None,
    steps: int,
    out: Path | None,
    parts: Sequence[str] | None,
    processes: int | None,
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
    if processes is not None and processes < 1:
        raise InputError(f"processes is {processes}; it must be at least 1")
    begin, end = (0, clips) if seeds is None else seeds
    if not 0 <= begin < end <= 2**31:
        raise InputError(f"seeds are {begin}:{end}; expected A:B with 0 <= A < B <= 2147483648, such as 0:32")
    if out is not None:
        check_writable(out, (".json",))
    return parts, list(range(begin, end))
