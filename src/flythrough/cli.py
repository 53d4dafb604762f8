"""The command line: which commands there are, and what comes of a mistake. Heavy imports wait inside commands."""

from __future__ import annotations

import os
import signal
import sys
from typing import Never

from typer import Typer

from flythrough.commands import batch, flying, machine, releases, serving, training, worlds
from flythrough.commands.terminal import CtrlC
from flythrough.errors import InputError

app = Typer(
    help="One picture and a camera path become a flight through a world.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    flying.generate,
    flying.resume,
    flying.drive,
    batch.batch,
    serving.serve,
    serving.ps,
    machine.evaluate,
    machine.verify,
    machine.doctor,
    machine.bench,
    machine.version,
):
    app.command()(command)
camera_app = Typer(help="Camera paths.", no_args_is_help=True)
camera_app.command("show")(flying.camera_show)
app.add_typer(camera_app, name="camera")
worlds_app = Typer(
    help="Rendered worlds: the training data, and the truth to compare with.", no_args_is_help=True
)
worlds_app.command("render")(worlds.render)
worlds_app.command("sheet")(worlds.sheet)
app.add_typer(worlds_app, name="worlds")
train_app = Typer(help="Train mini's parts from recipes.", no_args_is_help=True)
train_app.command("vae")(training.vae)
train_app.command("world")(training.world)
train_app.command("distill")(training.distill)
app.add_typer(train_app, name="train")
models_app = Typer(help="Official weights: get them, see them, delete them.", no_args_is_help=True)
models_app.command("pull")(releases.pull)
models_app.command("list")(releases.list_all)
models_app.command("show")(releases.show)
models_app.command("rm")(releases.rm)
app.add_typer(models_app, name="models")

STOPPED = 130  # the exit code of Ctrl-C


def main() -> Never:
    """The installed command: wrong input is one line and exit code 2, Ctrl-C is STOPPED."""
    # before torch is there: threads that spin for long while they wait slow two programs on the same cores down
    # fivefold; threads that do not spin at all cost half of the speed
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    signal.signal(signal.SIGINT, CtrlC.press)
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
