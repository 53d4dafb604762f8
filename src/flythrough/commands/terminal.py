"""What a terminal shows and asks: notes, tables, bars, a held-back Ctrl-C."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flythrough.errors import InputError

if TYPE_CHECKING:
    from flythrough.drive import Figures


def say(text: str) -> None:
    print(f"note: {text}", file=sys.stderr)


def say_driven(out: Path, figures: Figures) -> None:
    """What a drive has left, and how fast it was."""
    text = f"{out}: {figures.written} frames, {figures.written / figures.fps:.1f} s"
    print(text, file=sys.stderr if str(out) == "-" else sys.stdout)
    print(figures.report(), file=sys.stderr)


def confirm(question: str, yes: bool) -> None:
    """Go on if told to, or if a person says so."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError(f"{question} Nobody is here to answer; --yes goes on without asking")
    if input(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
        raise InputError("nothing was changed")


class CtrlC:
    """The handler of Ctrl-C while a command starts. Somewhere among a thousand imports an exception may get lost."""

    pressed = False

    @classmethod
    def press(cls, *_: object) -> None:
        cls.pressed = True
        raise KeyboardInterrupt


@contextmanager
def between_chunks() -> Iterator[Callable[[], bool]]:
    """Hold Ctrl-C back: yields a function that says whether it was pressed, to be asked when stopping is safe.

    Inside the encoder it would leave a frame in the video that nobody counted. Pressed again, it does not wait.
    """
    if CtrlC.pressed:
        raise KeyboardInterrupt
    presses = 0

    def press(*_: object) -> None:
        nonlocal presses
        presses += 1
        if presses > 1:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, press)
    try:
        yield lambda: presses > 0
    finally:
        signal.signal(signal.SIGINT, before)


def console(least_width: int) -> Any:
    """Standard output; a file or pipe, which has no width of its own, gets as much as a table likes."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=least_width)


def progress_bar(unit: str) -> Any:
    """A rich progress display on stderr: what, how far, how fast, how long still."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Speed(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:.1f} {unit}/s", style="cyan")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Speed(),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=Console(stderr=True),
        speed_estimate_period=20,
    )


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Say in a terminal what takes a while that cannot be counted; it is gone afterwards."""
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


@contextmanager
def bar(label: str, total: float, unit: str, done: float = 0) -> Iterator[Any]:
    """One progress bar; yields advance(count)."""
    with progress_bar(unit) as progress:
        task = progress.add_task(label, total=total, completed=done)
        yield lambda count: progress.advance(task, count)
