"""Films that outlive the process that makes them.

A state is written after the frames it follows are safe in the film, so the film is never behind it; what the film has
beyond it is cut off and made again, the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch

from flythrough import __version__
from flythrough.errors import InputError
from flythrough.media import (
    ContactSheet,
    Film,
    Picture,
    check_film,
    complete_frames,
    film_writer,
    pieces,
    read_metadata,
    save_image,
)
from flythrough.order import Keep, Order
from flythrough.pipeline import Pipeline
from flythrough.session import Session

STDOUT = "-"


class Flight:
    """A film on its way to its output: `with` it, iterate over the numbers of frames that have become safe.

    Leaving the block by an exception keeps what there is, playable and, if `resumable`, to be taken up by `resume`.
    """

    def __init__(
        self,
        order: Order,
        pipeline: Pipeline,
        about: dict[str, Any],
        keep: Keep | None = None,
        session: Session | None = None,
        *,
        fresh: bool = True,
    ) -> None:
        """about: the film's metadata; keep: where its state goes; session: what has been flown already.

        fresh: stopped before its first frame, it leaves nothing
        """
        self.order, self._pipeline, self._keep, self._session = order, pipeline, keep, session
        self._fresh = fresh
        self.newest: Picture | None = None  # the frame written last
        self._films: Iterator[Film] = iter(())
        start = session.frames_made if session else 0
        self._sheet = ContactSheet(order.shot.frames) if order.contact_sheet else None
        if keep and self._sheet and start:
            self._sheet.take_up(keep.cells(), start)
        self._video = film_writer(order.out, order.shot.fps, about, start=start)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
            else:
                self._stop()
        finally:
            if self._keep:
                self._keep.release()

    def __iter__(self) -> Iterator[int]:
        shot = self.order.shot
        if self._session is None and self._pipeline.preset.sampling.order == "stream":
            self._session = self._pipeline.open(shot)
        saved_every = self.order.chunks_apart(self._pipeline.preset) if self._keep else 0
        self._films = self._pipeline.generate(shot, session=self._session, together=saved_every)
        for film in self._films:
            self._take(film)
            session = self._session
            if saved_every and session and self._in_step and session.chunks_made % saved_every == 0:
                self.save()
            yield len(film)

    def _take(self, film: Film) -> None:
        self._video.write(film)
        self.newest = film[-1]
        if self._sheet:
            self._sheet.add(film)

    @property
    def _in_step(self) -> bool:
        """Whether all that the session has made is in the film."""
        return self._session is not None and self._session.frames_made == self.frames

    @property
    def frames(self) -> int:
        """How many frames are safe."""
        return self._video.frames

    @property
    def resumable(self) -> bool:
        return self._keep is not None and self._keep.asked.is_file()

    def save(self) -> None:
        """Write down how far it is, between two chunks; raises InputError where that cannot be written."""
        session, frames = self._session, self.order.shot.frames
        if self._keep is None or session is None:
            return
        if self.frames < min(session.frames_made, frames):  # a state is never ahead of the film
            session.catch_up()
            self._take(next(self._films))
        if self.frames < frames:
            self._keep.save(session, self._sheet)

    def _finish(self) -> None:
        try:
            self._leave_beside()  # first: of a film that is finished nothing is missing
            self._video.close()
        except BaseException:
            self._video.stop()
            raise
        if self._keep:
            self._keep.clear()

    def _stop(self) -> None:
        self._video.stop()
        with suppress(InputError):  # what stopped the film may stop these too; it is told once
            self._leave_beside()
            if self._keep and self._fresh and not self.frames:
                self._keep.clear()  # nothing was made, so nothing stays

    def _leave_beside(self) -> None:
        """What belongs to a film: its camera path, and the contact sheet if it was asked for."""
        out = self.order.out
        if self.frames and str(out) != STDOUT:
            self.order.shot.camera.take(slice(self.frames)).save(out.with_suffix(".camera.json"))
            if self._sheet:
                save_image(self._sheet.picture(), out.with_suffix(".sheet.png"))


def begin(order: Order, load: Callable[[Order], Pipeline] = Order.load) -> Flight:
    """Load what it takes and start; what lies at the output stays until there are frames. Raises InputError.

    load  gives the order's model, where it is loaded already
    """
    pipeline = load(order)
    about = order.shot.metadata() | pipeline.metadata()
    streams = pipeline.preset.sampling.order == "stream"
    if not (order.chunks_apart(pipeline.preset) and streams) or str(order.out) == STDOUT:
        return Flight(order, pipeline, about)
    keep = Keep(order.out)
    try:
        keep.begin(order, pipeline)
        return Flight(order, pipeline, about, keep)
    except BaseException:
        keep.release()
        raise


def resume(out: Path, note: Callable[[str], None], load: Callable[[Order], Pipeline] = Order.load) -> Flight:
    """Go on with the film at `out` where its last state was, or from its first frame if there is none yet.

    The result is that of an uninterrupted flight, byte for byte, on the same kind of device; of a CPU as many threads
    are used as before. A film that was deleted is made again from the first frame. note is told what a user may not
    expect. Raises InputError where there is nothing to resume, or the state is damaged, of another film or of other
    weights; nothing has changed then.
    """
    if str(out) == STDOUT:
        raise InputError("what went to standard output cannot be resumed; name a file")
    keep = Keep(out)
    order, facts = keep.read()
    check_film(out)
    keep.lock()
    try:
        return _taken_up(keep, order, facts, note, load)
    except BaseException:
        keep.release()
        raise


def _taken_up(
    keep: Keep,
    order: Order,
    facts: dict[str, Any],
    note: Callable[[str], None],
    load: Callable[[Order], Pipeline],
) -> Flight:
    about = order.shot.metadata() | facts["about"]
    if facts["about"]["flythrough"] != __version__:
        note(
            f"begun with flythrough {facts['about']['flythrough']}, this is {__version__}; frames may differ"
        )
    if keep.state.is_file() and not keep.out.exists():
        note(f"{keep.out} is not there any more, so it is made again from its first frame")
        keep.forget()
    elif keep.state.is_file():
        _check_film_of(keep, about, order.shot.frames)
    if order.device == "cpu":
        torch.set_num_threads(facts["threads"])
    pipeline = load(order)
    session = None
    if keep.state.is_file():
        try:
            session = pipeline.restore(keep.state)
        except InputError as error:
            raise InputError(f"{error}; without this file, the film would begin again") from None
    return Flight(order, pipeline, about, keep, session, fresh=False)


def _check_film_of(keep: Keep, about: dict[str, Any], frames: int) -> None:
    """Raise InputError if the film is not the one of the state, or needs nothing any more."""
    if read_metadata(keep.out) != json.loads(json.dumps(about)):
        raise InputError(
            f"{keep.out}: this is not the film whose state lies in {keep.folder}; move one of them"
        )
    whole = keep.out.suffix.lower() == ".mp4" and not pieces.scan(keep.out)[1]
    if whole and complete_frames(keep.out) == frames:
        keep.clear()  # the last process was killed when nothing else was left to do
        raise InputError(
            f"{keep.out}: it is finished, with all its {frames} frames; there is nothing to resume"
        )
