"""An evaluation by several processes: its parts know nothing of each other, and a flight keeps one core busy."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import torch

from flythrough.evaluate.bench import Progress
from flythrough.evaluate.examine import examine
from flythrough.evaluate.figures import Report
from flythrough.evaluate.flyer import ModelFlyer
from flythrough.evaluate.parts import apart

MOST = 4  # processes, if nobody says otherwise: each holds a model and a world, 1.5 GB

_told: SimpleQueue  # in a worker: where it says how far it is


@dataclass(frozen=True)
class Task:
    """What every process needs to know; a flyer does not travel, so each loads its own."""

    model: str
    steps: int
    device: str | None
    text_folder: Path | None
    seeds: list[int]


def examined(
    task: Task, parts: Sequence[str], progress: Progress, processes: int | None = None
) -> Iterator[Report]:
    """What was found, as soon as it is: a report of each part, in any order."""
    groups, cores = apart(parts), _cores()
    processes = min(len(groups), processes or min(cores, MOST))
    if processes == 1:
        flyer = _flyer(task)
        yield from (examine(flyer, task.seeds, group, progress) for group in groups)
        return
    context = multiprocessing.get_context("spawn")
    told = context.SimpleQueue()
    pool = ProcessPoolExecutor(processes, context, _begin, (told, max(1, cores // processes)))
    try:
        pending = {pool.submit(_examined, task, group) for group in groups}
        while pending:
            done, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
            while not told.empty():
                progress(*told.get())
            yield from (future.result() for future in done)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():  # after Ctrl-C, or an error in one of them
            process.terminate()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _begin(told: SimpleQueue, threads: int) -> None:
    global _told
    _told = told
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    torch.set_num_threads(threads)


def _examined(task: Task, parts: tuple[str, ...]) -> Report:
    return examine(_flyer(task), task.seeds, parts, lambda *state: _told.put(state))


def _flyer(task: Task) -> ModelFlyer:
    return ModelFlyer.load(task.model, steps=task.steps, device=task.device, text_folder=task.text_folder)
