"""Commands that measure and check: a model, its kernels, this machine."""

from __future__ import annotations

import math
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from flythrough.commands.inputs import Device, TextFolder, seed_range
from flythrough.commands.terminal import console, progress_bar
from flythrough.errors import InputError


def evaluate(
    model: Annotated[str, Argument(help="A model's name, or a folder with its weights.")] = "mini",
    clips: Annotated[int, Option(help="How many held-out worlds.")] = 32,
    seeds: Annotated[str | None, Option(help="The worlds A to B - 1 instead, as A:B.")] = None,
    steps: Annotated[int, Option(help="Denoising steps a chunk.")] = 4,
    parts: Annotated[str | None, Option(help="Some of vae,truth,control,back,minute,prompts.")] = None,
    out: Annotated[Path | None, Option(help="Where the JSON goes; a contact sheet goes beside it.")] = None,
    device: Device = None,
    text_folder: TextFolder = None,
    processes: Annotated[
        int | None, Option(help="How many parts at once; as many as there are cores, up to 4, by default.")
    ] = None,
) -> None:
    """Compare a model with the truth on held-out worlds, and print every figure."""
    from flythrough.evaluate.report import run

    chosen = None if parts is None else [part.strip() for part in parts.split(",")]
    progress, tasks = progress_bar("clips"), {}

    def report(part: str, done: int, of: int) -> None:
        if part not in tasks:
            progress.start()  # not before all input has been checked
            tasks[part] = progress.add_task(part, total=of)
        progress.update(tasks[part], completed=done, total=of)
        if done == of and not progress.console.is_terminal:
            print(f"{part}: {of} done", file=sys.stderr, flush=True)  # a log shows no bars before the end

    asked = {"device": device, "text_folder": text_folder, "processes": processes}
    try:
        result = run(model, clips, seed_range(seeds), steps, out, chosen, report, **asked)
    finally:
        if tasks:
            progress.stop()
    screen = console(least_width=140)
    screen.print(result.table(notes=screen.width >= 130))


def verify(
    folder: Annotated[Path, Argument(help="Golden vectors: a folder of cases, or one case.")],
    device: Device = None,
    dtype: Annotated[str, Option(help="float32, bfloat16 or float16.")] = "float32",
    kernels: Annotated[str, Option(help="auto, or reference: plain torch on a GPU too.")] = "auto",
) -> None:
    """Check this machine, or converted weights, against what other implementations computed."""
    from rich.table import Table

    from flythrough import verify as golden
    from flythrough.kernels import references
    from flythrough.tensors import device_named, dtype_named

    if kernels not in ("auto", "reference"):
        raise InputError(f"kernels is {kernels!r}; it must be auto or reference")
    machine = golden.Machine(device_named(device), dtype_named(dtype))
    cases = golden.found(folder)
    table = Table("case", "output", "error", "tolerance", "")
    results = []
    with references() if kernels == "reference" else nullcontext():
        for case in cases:
            for result in golden.run(case, machine):
                results.append(result)
                verdict = "pass" if result.passed else "FAIL"
                table.add_row(
                    result.case, result.output, f"{result.error:.1e}", f"{result.tolerance:.0e}", verdict
                )
    console(least_width=100).print(table)
    failed = sum(not result.passed for result in results)
    where = f"{machine.device}, {dtype}, kernels {kernels}"
    print(f"{len(results) - failed} of {len(results)} outputs of {len(cases)} cases pass ({where})")
    if failed:
        sys.exit(1)


def doctor() -> None:
    """Say what this machine can run, and what is missing."""
    from rich.table import Table

    from flythrough.doctor import examine

    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column()
    table.add_column(no_wrap=True)
    marks = {True: "[green]ok[/]", False: "[red]no[/]", None: ""}
    for finding in examine():
        table.add_row(marks[finding.well], finding.what, finding.says)
    console(least_width=120).print(table)


def bench(
    parts: Annotated[
        str | None,
        Option(
            help="Some of stage1,stream,refine,decode,sana-wm-streaming,sana-wm,mini; what runs here by default."
        ),
    ] = None,
    frames: Annotated[int, Option(help="The clip's frames; 961 are a minute.")] = 961,
    steps: Annotated[
        int | None, Option(help="Denoising steps of whole flights, if not the models' own.")
    ] = None,
    device: Device = None,
    compiled: Annotated[
        bool, Option("--compile/--no-compile", help="Also measure diffusers with compiled blocks.")
    ] = True,
    peers: Annotated[
        bool, Option("--peers/--no-peers", help="Also measure diffusers, if it is there.")
    ] = True,
    out: Annotated[Path | None, Option(help="Where the numbers go as JSON.")] = None,
) -> None:
    """Measure speed and memory at the official sizes with random weights, diffusers beside; on a CPU, mini."""
    from rich.table import Table

    from flythrough.bench import report
    from flythrough.media import check_writable
    from flythrough.tensors import device_named

    if out is not None:
        check_writable(out, (".json",))
    where = device_named(device)
    chosen = None if parts is None else [part.strip() for part in parts.split(",")]
    table = Table("part", "who", "seconds", "of the card", "peak GiB", "first call", "what")
    rows = []
    for row in report.run(chosen, frames, where, compiled=compiled, beside_peers=peers, steps=steps):
        rows.append(row)
        print(f"{row.part}: {row.who} {row.seconds:.3g} s", file=sys.stderr, flush=True)
        table.add_row(
            row.part,
            row.who,
            f"{row.seconds:.2f}",
            "" if math.isnan(row.share) else f"{row.share:.0%}",
            "" if math.isnan(row.peak_gib) else f"{row.peak_gib:.1f}",
            "" if math.isnan(row.first_seconds) else f"{row.first_seconds:.1f}",
            row.what,
        )
        if out is not None:
            report.save(rows, where, out)
    console(least_width=130).print(table)


def version() -> None:
    """Print versions, as a report of a fault needs them."""
    import platform
    from importlib.metadata import version as installed

    from flythrough import __version__

    print(f"flythrough {__version__}, torch {installed('torch')}, Python {platform.python_version()}")
