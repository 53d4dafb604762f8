"""Commands that train."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from flythrough.commands.inputs import Compile, Device, Minutes, RunFolder, Start, TextFolder
from flythrough.commands.terminal import progress_bar

if TYPE_CHECKING:
    from flythrough.train.loop import Progress as TrainProgress


def vae(
    recipe: Annotated[Path, Argument(help="A file that defines `recipe`.")] = Path("recipes/mini_vae.py"),
    out: RunFolder = Path("runs/vae"),
    minutes: Minutes = None,
    start: Start = None,
    device: Device = None,
    compile_blocks: Compile = False,
) -> None:
    """Train an autoencoder; goes on where the folder's checkpoint stopped."""
    from flythrough.tensors import device_named
    from flythrough.train import run

    plan, where = run.load_recipe(recipe, run.VAERecipe), device_named(device)
    steps = run.train_vae(plan, out, where, minutes=minutes, start=start, compile_blocks=compile_blocks)
    _train(steps, out / "vae.safetensors")


def world(
    recipe: Annotated[Path, Argument(help="A file that defines `recipe`.")] = Path("recipes/mini_world.py"),
    out: RunFolder = Path("runs/world"),
    vae: Annotated[Path | None, Option(help="The autoencoder's weights; mini's by default.")] = None,
    minutes: Minutes = None,
    start: Start = None,
    device: Device = None,
    text_folder: TextFolder = None,
    compile_blocks: Compile = False,
) -> None:
    """Train a world transformer; goes on where the folder's checkpoint stopped."""
    from flythrough.presets import WEIGHTS
    from flythrough.tensors import device_named
    from flythrough.train import run

    plan, where = run.load_recipe(recipe, run.WorldRecipe), device_named(device)
    weights = vae or WEIGHTS / "mini" / "vae.safetensors"
    steps = run.train_world(
        plan,
        weights,
        out,
        where,
        minutes=minutes,
        start=start,
        text_folder=text_folder,
        compile_blocks=compile_blocks,
    )
    _train(steps, out / "model.safetensors")


def distill(
    recipe: Annotated[Path, Argument(help="A file that defines `recipe`.")] = Path("recipes/mini_distill.py"),
    out: RunFolder = Path("runs/distill"),
    vae: Annotated[Path | None, Option(help="The autoencoder's weights; mini's by default.")] = None,
    minutes: Minutes = None,
    start: Annotated[
        Path | None, Option(help="The teacher's weights, and the student's first; mini's by default.")
    ] = None,
    phases: Annotated[
        str | None, Option(help="Only these of the recipe's phases, such as 'own' or 'ode,match'.")
    ] = None,
    device: Device = None,
    text_folder: TextFolder = None,
    compile_blocks: Compile = False,
) -> None:
    """Make a student of few steps, trained on its own flights; goes on where the folder's phases stopped."""
    from flythrough.presets import WEIGHTS
    from flythrough.tensors import device_named
    from flythrough.train import run

    plan, where = run.load_recipe(recipe, run.DistillRecipe), device_named(device)
    names = None if phases is None else [name.strip() for name in phases.split(",")]
    run.chosen_phases(plan, names)
    steps = run.train_distill(
        plan,
        vae or WEIGHTS / "mini" / "vae.safetensors",
        start or WEIGHTS / "mini" / "model.safetensors",
        out,
        where,
        minutes=minutes,
        phases=names,
        text_folder=text_folder,
        compile_blocks=compile_blocks,
    )
    _train(steps, out / "model.safetensors")


def _train(steps: Generator[TrainProgress], weights: Path) -> None:
    import time

    told = 0.0
    with closing(steps), progress_bar("%") as progress:  # closing saves a checkpoint, also after Ctrl-C
        task = progress.add_task("training", total=100)
        for step in steps:
            loss = step.scalars.get("loss")
            label = f"step {step.step}" + ("" if loss is None else f", loss {loss:.4f}")
            progress.update(task, completed=100 * step.share, description=label)
            # without a terminal there is no bar, and whoever reads the log wants a line now and then
            if not sys.stderr.isatty() and (loss is None or time.monotonic() - told > 15):
                told = time.monotonic()
                numbers = ", ".join(f"{name} {value:.4g}" for name, value in step.scalars.items())
                print(f"step {step.step} ({step.share:.1%}): {numbers}", flush=True)
    print(f"{weights}: trained")
