"""From a recording, or a terminal, to a video with what belongs to it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from flythrough.camera.drive import Drive
from flythrough.camera.path import CameraPath
from flythrough.client import Client
from flythrough.drive.afar import play_afar
from flythrough.drive.line import Line
from flythrough.drive.live import recorded
from flythrough.drive.play import Figures, play
from flythrough.media import Film, Picture, film_writer, fit
from flythrough.pipeline import Pipeline, first_frame
from flythrough.shot import Shot


def run(
    pipeline: Pipeline,
    shot: Shot,
    out: Path,
    *,
    drive: Drive | None = None,
    record: Path | None = None,
    keys: str = "flythrough",
    after: Callable[[int], None] = lambda _: None,
) -> Figures:
    """Play a drive, or without one fly with this terminal's keys, and write the video; returns how fast it was.

    shot    the opening: picture, prompt, seed, and the lens of its camera; of a drive also where it goes
    record  where the drive is written as JSON; a live one needs it
    keys    the dialect of a live drive
    after   is called with the number of frames that were just written, and may raise to stop
    Beside the video lies the camera path that was flown. However it stops, what was flown is kept and plays.
    """
    figures, about = Figures(shot.fps), shot.metadata() | pipeline.metadata()
    session = pipeline.open(shot, keys=drive.dialect if drive else keys, on_chunk=figures.chunk)
    if drive is not None:
        if record is not None:
            drive.write(record)
        films = play(drive, session, figures)
    else:
        del about["camera"]  # nobody knows yet
        films = recorded(session, figures, record or out.with_suffix(".drive.json"), shot.prompt)
    _film(films, out, about, figures, lambda: session.path, after)
    return figures


def run_afar(
    client: Client,
    model: dict[str, Any],
    shot: Shot,
    out: Path,
    drive: Drive,
    *,
    record: Path | None = None,
    after: Callable[[int], None] = lambda _: None,
) -> Figures:
    """As `run` plays a drive, but on a server's live flight, which is forgotten there afterwards.

    model  as the server describes it. The first frame is made or fitted here and goes there whole, as do the poses
    Raises InputError where the server has gone or lets nobody fly.
    """
    figures, size = Figures(shot.fps), (model["height"], model["width"])
    path = replace(shot.camera.fitted(*size), fps=model["fps"])
    picture = first_frame(shot, *size) if shot.image is None else fit(np.asarray(shot.image), *size)
    if record is not None:
        drive.write(record)
    with Line(
        client,
        model=model["id"],
        prompt=shot.prompt,
        first_frame=_png(picture),
        seed=shot.seed,
        num_inference_steps=shot.steps,
    ) as line:
        loaded = {one["name"]: one["dtype"] for one in client.ps()["models"]}
        about = {"model": model["id"], "flythrough": client.health()["version"]}
        about |= shot.metadata() | {"dtype": loaded.get(model["id"])}
        _film(play_afar(drive, path, line, figures), out, about, figures, lambda: path, after)
    return figures


def _film(
    films: Generator[Film],
    out: Path,
    about: dict[str, Any],
    figures: Figures,
    path: Callable[[], CameraPath],
    after: Callable[[int], None],
) -> None:
    """Write a film as it comes, and beside it where it went; path: all that was flown, and maybe more."""
    video = film_writer(out, figures.fps, about)
    try:
        with closing(films), video:
            for film in films:
                video.write(film)
                after(len(film))
    finally:
        if video.frames and str(out) != "-":
            path().take(slice(video.frames)).save(out.with_suffix(".camera.json"))
    figures.written = video.frames


def _png(picture: Picture) -> bytes:
    file = BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()
