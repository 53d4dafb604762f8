"""From a recording, or a terminal, to a video with what belongs to it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from flythrough.camera.drive import Drive
from flythrough.drive.live import recorded
from flythrough.drive.play import Figures, play
from flythrough.media import film_writer
from flythrough.pipeline import Pipeline
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
    video = film_writer(out, shot.fps, about)
    try:
        with closing(films), video:
            for film in films:
                video.write(film)
                after(len(film))
    finally:
        if video.frames and str(out) != "-":
            session.path.take(slice(video.frames)).save(out.with_suffix(".camera.json"))
    figures.written = video.frames
    return figures
