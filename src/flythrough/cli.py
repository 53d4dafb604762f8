"""The command line: parse, call one function below, print. Heavy imports wait inside the commands."""

from __future__ import annotations

import math
import os
import shlex
import signal
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Never

from typer import Argument, Option, Typer

from flythrough.errors import InputError

if TYPE_CHECKING:
    from flythrough.camera.path import CameraPath
    from flythrough.resume import Flight
    from flythrough.train.loop import Progress as TrainProgress

app = Typer(
    help="One picture and a camera path become a flight through a world.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
camera_app = Typer(help="Camera paths.", no_args_is_help=True)
worlds_app = Typer(
    help="Rendered worlds: the training data, and the truth to compare with.", no_args_is_help=True
)
train_app = Typer(help="Train mini's parts from recipes.", no_args_is_help=True)
app.add_typer(camera_app, name="camera")
app.add_typer(worlds_app, name="worlds")
app.add_typer(train_app, name="train")
models_app = Typer(help="Official weights: get them, see them, delete them.", no_args_is_help=True)
app.add_typer(models_app, name="models")

STOPPED = 130  # the exit code of Ctrl-C

CameraText = Annotated[
    str, Option("--camera", help="Keys such as 'w-40,jw-20', a preset such as 'orbit:radius=6', or a file.")
]
Keys = Annotated[str, Option(help="What the letters mean: flythrough, sana-wm or sana-wm-v1.")]
FramesOption = Annotated[int | None, Option("--frames", help="How many frames, 16 a second.")]
Fov = Annotated[float, Option(help="Horizontal field of view in degrees, 25 to 120.")]
Split = Annotated[str, Option(help="Which worlds: train, val or test.")]
Device = Annotated[str | None, Option(help="cpu or cuda; the best there is by default.")]
TextFolder = Annotated[
    Path | None, Option(help="The text encoder's files, where its package is not installed.")
]
Minutes = Annotated[float | None, Option(help="Stop after so much time, even if the recipe asks for more.")]
Start = Annotated[Path | None, Option(help="Weights to begin with.")]
Compile = Annotated[bool, Option("--compile", help="Compile: faster after the first minute.")]
Home = Annotated[Path | None, Option(help="Where weights are kept, instead of the user's data folder.")]
Yes = Annotated[bool, Option("--yes", help="Go on without asking.")]
ReleaseName = Annotated[str, Argument(help="A release; `flythrough models list` names them.")]
RunFolder = Annotated[Path, Option("--out", help="The folder of the run: checkpoints, log, weights.")]


@app.command()
def generate(
    camera: CameraText = "dolly",
    image: Annotated[
        Path | None, Option(help="First frame; without one, a world that fits the prompt.")
    ] = None,
    prompt: Annotated[str, Option(help="The place, in words.")] = "",
    negative_prompt: Annotated[
        str, Option(help="What should not be there; for models that are guided.")
    ] = "",
    keys: Keys = "flythrough",
    frames: FramesOption = None,
    seed: Annotated[int, Option(help="The same seed gives the same video.")] = 0,
    out: Annotated[
        Path, Option(help="The video to write: .mp4, .m3u8 (HLS), or - for standard output (NUT).")
    ] = Path("flythrough.mp4"),
    steps: Annotated[
        int | None, Option(help="Denoising steps a chunk; the model's own number by default.")
    ] = None,
    guidance_scale: Annotated[
        float | None, Option(help="How hard to follow the prompt; the model's own number by default.")
    ] = None,
    refine: Annotated[
        bool, Option("--refine/--no-refine", help="Whether an official model's second stage goes over it.")
    ] = True,
    fov: Annotated[
        float | None,
        Option(help="Horizontal field of view in degrees; by default what the picture's EXIF says, else 70."),
    ] = None,
    intrinsics: Annotated[
        Path | None, Option(help="fx fy cx cy in pixels of the picture: .npy (4), (3, 3), (F, 4), (F, 3, 3).")
    ] = None,
    estimator: Annotated[
        Path | None, Option(help="Estimate the lens: the folder of Pi3X's weights; needs the package pi3.")
    ] = None,
    contact_sheet: Annotated[
        bool, Option("--contact-sheet", help="Also write a picture of the whole clip.")
    ] = False,
    save_every: Annotated[
        int, Option(help="Chunks between two states that `flythrough resume` goes on from; 0: none.")
    ] = 8,
    model: Annotated[str, Option(help="A model's name, or a folder with its weights.")] = "mini",
    device: Device = None,
    random_weights: Annotated[
        bool, Option("--random-weights", help="No files: noise, but at the real speed and size.")
    ] = False,
) -> None:
    """Fly a camera into a picture and write what it sees."""
    from flythrough.media import check_film
    from flythrough.order import Order
    from flythrough.pipeline import Pipeline
    from flythrough.resume import begin
    from flythrough.shot import Shot

    check_film(out)
    if contact_sheet and str(out) == "-":
        raise InputError("a contact sheet lies beside the video, so --out must be a file for it")
    plan = Pipeline.check(model)
    path = _lens_of(image, fov, intrinsics, estimator, plan.height, plan.width)(camera, keys, frames)
    shot = Shot(
        camera=path,
        prompt=prompt,
        negative_prompt=negative_prompt,
        image=image,
        seed=seed,
        steps=steps,
        guidance_scale=guidance_scale,
    )
    order = Order(
        out=out,
        shot=shot,
        model=model,
        random_weights=random_weights,
        device=device,
        refine=refine,
        contact_sheet=contact_sheet,
        save_every=save_every,
    )
    flight = begin(order)
    if random_weights:
        _say("the weights are random: this shows that the program runs, not what the model can do")
    _fly(flight)


@app.command()
def resume(
    out: Annotated[Path, Argument(help="The video that was asked for; its state lies in OUT.resume.")],
) -> None:
    """Go on with a video that was stopped, killed or had no room; the result is as if nothing had happened."""
    from flythrough.resume import resume as taken_up

    _fly(taken_up(out, _say))


@app.command()
def drive(
    recording: Annotated[
        str | None,
        Argument(help="A recorded drive (.json), or keys such as 'w-40,jw-20'; without one, you drive."),
    ] = None,
    image: Annotated[
        Path | None, Option(help="First frame; without one, a world that fits the prompt.")
    ] = None,
    prompt: Annotated[
        str, Option(help="The place, in words; by default what the recording says at its beginning.")
    ] = "",
    keys: Keys = "flythrough",
    seed: Annotated[int, Option(help="The same seed and recording give the same video.")] = 0,
    out: Annotated[
        Path, Option(help="The video to write: .mp4, .m3u8 (HLS), or - for standard output (NUT).")
    ] = Path("drive.mp4"),
    record: Annotated[
        Path | None, Option(help="Where the drive goes as JSON; your own goes beside the video by default.")
    ] = None,
    steps: Annotated[
        int | None, Option(help="Denoising steps a chunk; the model's own number by default.")
    ] = None,
    fov: Annotated[
        float | None,
        Option(help="Horizontal field of view in degrees; by default what the picture's EXIF says, else 70."),
    ] = None,
    model: Annotated[str, Option(help="A streaming model's name, or a folder with its weights.")] = "mini",
    device: Device = None,
) -> None:
    """Drive the camera with this terminal's keys, or play a recorded drive, into a video."""
    from contextlib import nullcontext

    from flythrough import drive as driving
    from flythrough.media import check_film, check_writable
    from flythrough.pipeline import Pipeline
    from flythrough.shot import Shot

    check_film(out)
    if recording is None:
        driving.check_terminal()
        record = record or Path("drive.json" if str(out) == "-" else out.with_suffix(".drive.json"))
    if record is not None:
        check_writable(record, (".json",))
    tape = None if recording is None else driving.read(recording, keys)
    if tape is not None and prompt:
        tape = tape.unsaid()
    elif tape is not None:
        prompt = tape.opening_prompt or ""
    plan = Pipeline.check(model)
    path = _lens_of(image, fov, None, None, plan.height, plan.width)(recording or "none-1", keys, None)
    shot = Shot(camera=path, prompt=prompt, image=image, seed=seed, steps=steps)
    pipeline = Pipeline.load(model, device=device)
    bar = _bar("driving", path.frames, "frames") if tape else nullcontext(lambda _: None)
    with bar as advance, _between_chunks() as stop_if_asked:

        def after(frames: int) -> None:
            advance(frames)
            if stop_if_asked():
                raise KeyboardInterrupt

        figures = driving.run(pipeline, shot, out, drive=tape, record=record, keys=keys, after=after)
    text = f"{out}: {figures.written} frames, {figures.written / path.fps:.1f} s"
    print(text, file=sys.stderr if str(out) == "-" else sys.stdout)
    print(figures.report(), file=sys.stderr)


@app.command()
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
    progress, tasks = _progress("clips"), {}

    def report(part: str, done: int, of: int) -> None:
        if part not in tasks:
            progress.start()  # not before all input has been checked
            tasks[part] = progress.add_task(part, total=of)
        progress.update(tasks[part], completed=done, total=of)
        if done == of and not progress.console.is_terminal:
            print(f"{part}: {of} done", file=sys.stderr, flush=True)  # a log shows no bars before the end

    asked = {"device": device, "text_folder": text_folder, "processes": processes}
    try:
        result = run(model, clips, _range(seeds), steps, out, chosen, report, **asked)
    finally:
        if tasks:
            progress.stop()
    console = _console(least_width=140)
    console.print(result.table(notes=console.width >= 130))


@camera_app.command("show")
def camera_show(
    path: Annotated[str, Argument(help="Keys, a preset or a file.")],
    out: Annotated[Path, Option(help="The picture to write: .png, .svg or .pdf.")] = Path("camera.png"),
    keys: Keys = "flythrough",
    frames: FramesOption = None,
    fov: Fov = 70.0,
) -> None:
    """Draw a path: from above, from the side, speeds and lens."""
    from flythrough.camera.show import draw
    from flythrough.media import check_writable

    check_writable(out, (".png", ".svg", ".pdf"))
    flown = _parsed(path, keys, frames, fov)
    draw(flown, out, title=path if len(path) < 40 else "")
    print(f"{out}: {flown.frames} frames, {flown.seconds:.1f} s")


@worlds_app.command("render")
def worlds_render(
    out: Annotated[Path, Option(help="A video (.mp4), or a folder for pictures, poses and words.")],
    seed: Annotated[int, Option(help="Which world, 0 to 2147483648.")] = 0,
    split: Split = "test",
    camera: CameraText = "dolly",
    keys: Keys = "flythrough",
    frames: FramesOption = None,
    fov: Fov = 70.0,
    kind: Annotated[str | None, Option(help="The kind of place; by default the seed chooses.")] = None,
    height: Annotated[int, Option(help="Pixels.")] = 256,
    width: Annotated[int, Option(help="Pixels.")] = 448,
    depth: Annotated[bool, Option("--depth", help="Also write depth in metres, depth/00000.npy ...")] = False,
    as_is: Annotated[
        bool,
        Option("--as-is", help="The poses are in the world's own axes; do not move them to its first view."),
    ] = False,
    device: Device = None,
) -> None:
    """Film a world along a camera path, with exact poses and depth."""
    from flythrough.tensors import device_named
    from flythrough.worlds.export import check_out, write
    from flythrough.worlds.walks import place
    from flythrough.worlds.world import World

    check_out(out, depth)
    path = _parsed(camera, keys, frames, fov, height, width)
    world = World.from_seed(seed, split, kind)
    path = path if as_is else place(world, path)
    inside = int((~world.free(path.positions.float())).sum())
    if inside:
        _say(f"the path goes through the ground or things in {inside} of {path.frames} frames")
    with _bar("rendering", path.frames, "frames") as advance:
        write(world, path, out, device_named(device), depth=depth, progress=advance)
    print(f"{out}: {path.frames} frames of {world.kind} {seed} ({split})")


@worlds_app.command("sheet")
def worlds_sheet(
    out: Annotated[Path, Option(help="The picture to write.")] = Path("worlds.png"),
    seeds: Annotated[str, Option(help="Which worlds, as A:B for A to B - 1.")] = "0:48",
    split: Split = "test",
    columns: Annotated[int, Option(help="Pictures in a row.")] = 6,
) -> None:
    """Put the first views of many worlds on one picture."""
    from flythrough.media import check_writable, save_image
    from flythrough.worlds.sheet import contact_sheet
    from flythrough.worlds.world import World

    check_writable(out, (".png", ".jpg", ".webp"))
    start, stop = _range(seeds) or (0, 48)
    save_image(
        contact_sheet([World.from_seed(seed, split) for seed in range(start, stop)], columns=columns), out
    )
    print(f"{out}: {stop - start} worlds")


@train_app.command("vae")
def train_vae(
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


@train_app.command("world")
def train_world(
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


@train_app.command("distill")
def train_distill(
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


@app.command()
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
    _console(least_width=100).print(table)
    failed = sum(not result.passed for result in results)
    where = f"{machine.device}, {dtype}, kernels {kernels}"
    print(f"{len(results) - failed} of {len(results)} outputs of {len(cases)} cases pass ({where})")
    if failed:
        sys.exit(1)


@models_app.command("pull")
def models_pull(
    name: ReleaseName,
    parts: Annotated[
        str | None,
        Option(help="Parts by name, with commas, or all; by default those the model cannot do without."),
    ] = None,
    home: Home = None,
    endpoint: Annotated[str, Option(help="Where to get them.")] = "https://huggingface.co",
    yes: Yes = False,
) -> None:
    """Get a release's weights. Stopped or broken, the same command goes on where it was."""
    from flythrough import hub
    from flythrough.hub.words import about_plan

    chosen = None if parts is None else [part.strip() for part in parts.split(",")]
    plan = hub.plan(name, chosen, home=home, endpoint=endpoint)
    print(about_plan(plan), flush=True)
    if plan.missing:
        _confirm("Get these files, under these terms?", yes)
        with _bar("pulling", plan.bytes_needed / 1e6, "MB") as advance:
            hub.pull(plan, lambda _, count: advance(count / 1e6))
    print(f"{name}: {', '.join(plan.parts)} here")


@models_app.command("list")
def models_list(home: Home = None) -> None:
    """Say which releases there are, and what of them is here."""
    from flythrough.hub.words import about_all

    print(about_all(home))


@models_app.command("show")
def models_show(name: ReleaseName, home: Home = None) -> None:
    """Show a release's files, their hashes and the terms of each part."""
    from flythrough.hub.words import about

    print(about(name, home))


@models_app.command("rm")
def models_rm(name: ReleaseName, home: Home = None, yes: Yes = False) -> None:
    """Delete a release's weights, but for what another release here needs too."""
    from flythrough import hub
    from flythrough.hub.store import removable

    files = removable(name, home)
    if files:
        _confirm(f"Delete {len(files)} files in {home or hub.default_home()}?", yes)
    print(f"{name}: {hub.remove(name, home) / 1e9:.1f} GB freed")


@app.command()
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
    _console(least_width=120).print(table)


@app.command()
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
    compiled: Annotated[bool, Option("--compile/--no-compile", help="Also measure compiled blocks.")] = True,
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
    _console(least_width=130).print(table)


@app.command()
def version() -> None:
    """Print versions, as a report of a fault needs them."""
    import platform
    from importlib.metadata import version as installed

    from flythrough import __version__

    print(f"flythrough {__version__}, torch {installed('torch')}, Python {platform.python_version()}")


def main() -> Never:
    """The installed command: wrong input is one line and exit code 2, Ctrl-C is STOPPED."""
    # before torch is there: threads that spin for long while they wait slow two programs on the same cores down
    # fivefold; threads that do not spin at all cost half of the speed
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leave through the `finally` blocks
    try:
        code = app(standalone_mode=False) or 0
        if code == STOPPED:  # typer turns a KeyboardInterrupt into this
            print("flythrough: stopped", file=sys.stderr)
        sys.exit(code)
    except InputError as error:
        _fail(str(error))
    except BrokenPipeError:  # `flythrough ... | head`
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        if not hasattr(error, "format_message"):  # typer's own complaints about options have it
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
            sys.exit(0)
        _fail(error.format_message())


def _fail(message: str) -> Never:
    print(f"flythrough: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)


def _lens_of(
    image: Path | None,
    fov: float | None,
    intrinsics: Path | None,
    estimator: Path | None,
    height: int,
    width: int,
) -> Callable[[str, str, int | None], CameraPath]:
    """How to parse a path for a picture of which something may be known: its intrinsics, or its EXIF.

    What is known is in the picture's own pixels, so the path is made for its size and then cut as the picture is.
    """
    if sum(given is not None for given in (fov, intrinsics, estimator)) > 1:
        raise InputError(
            "of a field of view, intrinsics and an estimator more than one was given; one is enough"
        )
    if image is None and (intrinsics or estimator):
        raise InputError("intrinsics are in pixels of a picture; give it too, with --image")
    if image is not None and fov is None:
        known, rows, columns = _lens(image, intrinsics, estimator)
        if known is not None:
            return lambda text, keys, frames: _parsed(text, keys, frames, 70.0, rows, columns, known).fitted(
                height, width
            )
    wide = 70.0 if fov is None else fov
    return lambda text, keys, frames: _parsed(text, keys, frames, wide, height, width)


def _lens(image: Path, intrinsics: Path | None, estimator: Path | None) -> tuple[Any, int, int]:
    """What is known of a picture's lens, for CameraPath.parse, or None; and the picture's rows and columns."""
    from flythrough.media import exif_fov_deg, load_image

    picture = load_image(image)
    rows, columns = picture.shape[:2]
    if intrinsics is not None:
        return intrinsics, rows, columns
    if estimator is not None:
        from flythrough.camera.estimate import estimate
        from flythrough.tensors import best_device

        return estimate(picture, estimator, best_device()), rows, columns
    along = exif_fov_deg(image)
    if along is None:
        return None, rows, columns
    _say(f"the picture's EXIF says that its lens sees {along:.0f} degrees along the longer side")
    focal = max(rows, columns) / 2 / math.tan(math.radians(along / 2))
    return [focal, focal, columns / 2, rows / 2], rows, columns


def _parsed(
    text: str,
    keys: str,
    frames: int | None,
    fov: float,
    height: int = 256,
    width: int = 448,
    intrinsics: Path | None = None,
) -> CameraPath:
    """The path, with a word on the screen about what a user may not expect of it."""
    from flythrough.camera.motion import warnings
    from flythrough.camera.path import CameraPath

    path = CameraPath.parse(
        text, frames=frames, height=height, width=width, fov_deg=fov, keys=keys, intrinsics=intrinsics
    )
    if frames is not None and path.frames < frames:
        _say(f"the path has {path.frames} frames, so that is all there will be of the {frames}")
    for warning in warnings(path):
        _say(warning)
    return path


def _range(text: str | None) -> tuple[int, int] | None:
    """ "A:B" -> (A, B)."""
    if text is None:
        return None
    start, _, stop = text.partition(":")
    if not (start.isdecimal() and stop.isdecimal() and int(start) < int(stop) <= 2**31 + 1):
        raise InputError(f"--seeds is {text!r}; it must be A:B with A below B, such as 0:32")
    return int(start), int(stop)


def _train(steps: Generator[TrainProgress], weights: Path) -> None:
    import time

    told = 0.0
    with closing(steps), _progress("%") as progress:  # closing saves a checkpoint, also after Ctrl-C
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


def _fly(flight: Flight) -> None:
    """Make a video to its end, or until Ctrl-C, and say what there is."""
    out, shot = flight.order.out, flight.order.shot
    bar = _bar("flying", shot.frames, "frames", done=flight.frames)
    try:
        with flight, bar as advance, _between_chunks() as asked_to_stop:
            for count in flight:
                advance(count)
                if asked_to_stop() and flight.frames < shot.frames:
                    flight.save()
                    raise KeyboardInterrupt
    finally:
        if flight.frames:
            text = f"{out}: {flight.frames} frames, {flight.frames / shot.fps:.1f} s"
            print(text, file=sys.stderr if str(out) == "-" else sys.stdout)
        if flight.resumable:
            _say(f"`flythrough resume {shlex.quote(str(out))}` goes on with it")


def _confirm(question: str, yes: bool) -> None:
    """Go on if told to, or if a person says so."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError(f"{question} Nobody is here to answer; --yes goes on without asking")
    if input(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
        raise InputError("nothing was changed")


def _say(text: str) -> None:
    print(f"note: {text}", file=sys.stderr)


@contextmanager
def _between_chunks() -> Iterator[Callable[[], bool]]:
    """Hold Ctrl-C back: yields a function that says whether it was pressed, to be asked when stopping is safe.

    Inside the encoder it would leave a frame in the video that nobody counted. Pressed again, it does not wait.
    """
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


def _console(least_width: int) -> Any:
    """Standard output; a file or pipe, which has no width of its own, gets as much as a table likes."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=least_width)


def _progress(unit: str) -> Any:
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
def _bar(label: str, total: float, unit: str, done: float = 0) -> Iterator[Any]:
    """One progress bar; yields advance(count)."""
    with _progress(unit) as progress:
        task = progress.add_task(label, total=total, completed=done)
        yield lambda count: progress.advance(task, count)
