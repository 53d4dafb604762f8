"""What commands take: options that several share, and what becomes of their text."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from flythrough.commands.terminal import say
from flythrough.errors import InputError

if TYPE_CHECKING:
    from flythrough.camera.path import CameraPath

CameraText = Annotated[
    str, Option("--camera", help="Keys such as 'w-40,jw-20', a preset such as 'orbit:radius=6', or a file.")
]
Keys = Annotated[str, Option(help="What the letters mean: flythrough, sana-wm or sana-wm-v1.")]
FramesOption = Annotated[int | None, Option("--frames", help="How many frames, 16 a second.")]
Fov = Annotated[float, Option(help="Horizontal field of view in degrees, 25 to 120.")]
Split = Annotated[str, Option(help="Which worlds: train, val or test.")]
Device = Annotated[str | None, Option(help="cpu or cuda; the best there is by default.")]
Server = Annotated[
    str | None,
    Option("--server", help="Let a server do it, such as http://127.0.0.1:8642: `flythrough serve`."),
]
ServerToken = Annotated[
    str | None, Option("--token", envvar="FLYTHROUGH_TOKEN", help="The server's, if it has one.")
]
Ray = Annotated[
    str | None,
    Option(
        help="A Ray cluster that makes the videos: host:port or auto, where this machine is part of it; local: all GPUs"
        " or cores of this machine."
    ),
]
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


def lens_of(
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
            return lambda text, keys, frames: parsed(text, keys, frames, 70.0, rows, columns, known).fitted(
                height, width
            )
    wide = 70.0 if fov is None else fov
    return lambda text, keys, frames: parsed(text, keys, frames, wide, height, width)


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
    say(f"the picture's EXIF says that its lens sees {along:.0f} degrees along the longer side")
    focal = max(rows, columns) / 2 / math.tan(math.radians(along / 2))
    return [focal, focal, columns / 2, rows / 2], rows, columns


def parsed(
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
        say(f"the path has {path.frames} frames, so that is all there will be of the {frames}")
    for warning in warnings(path):
        say(warning)
    return path


def seed_range(text: str | None) -> tuple[int, int] | None:
    """ "A:B" -> (A, B)."""
    if text is None:
        return None
    start, _, stop = text.partition(":")
    if not (start.isdecimal() and stop.isdecimal() and int(start) < int(stop) <= 2**31 + 1):
        raise InputError(f"--seeds is {text!r}; it must be A:B with A below B, such as 0:32")
    return int(start), int(stop)
