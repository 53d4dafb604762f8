"""Films that outlive the process that makes them: what was asked, and how far it got, lie beside the output.

Beside fly.mp4, fly.mp4.resume/ holds shot.json, camera.npz and first.png, which say what was asked and are there
before the first chunk; state.safetensors, the flight after so many chunks; and cells.npy, what its contact sheet has
so far. A state is written after the frames it follows are safe in the film, so the film is never behind it; what the
film has beyond it is cut off and made again, the same. A finished film has no such folder.
"""

from __future__ import annotations

import json
import os
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch

from flythrough import __version__
from flythrough.camera.path import CameraPath
from flythrough.errors import InputError
from flythrough.media import (
    ContactSheet,
    check_film,
    complete_frames,
    film_writer,
    pieces,
    read_metadata,
    save_image,
    written_whole,
)
from flythrough.pipeline import Pipeline
from flythrough.session import Session
from flythrough.shot import Shot
from flythrough.tensors import dtype_named

STDOUT = "-"
VERSION = 1
WORDS = (
    "prompt",
    "negative_prompt",
    "seed",
    "steps",
    "guidance_scale",
)  # of a shot, beside camera and picture
CHOICES = ("random_weights", "refine", "contact_sheet", "save_every")  # of an order


@dataclass(frozen=True, kw_only=True, eq=False)
class Order:
    """A film that was asked for.

    out             .mp4, .m3u8, or - for standard output
    model           a name, or a folder with weights; with random_weights, a name whose files are not needed
    device, dtype   None: the best there are
    refine          whether an official model's second stage goes over it
    contact_sheet   whether a picture of the whole clip is wanted too
    save_every      chunks between two states of a streaming model; with 0 it cannot be resumed
    """

    out: Path
    shot: Shot
    model: str = "mini"
    random_weights: bool = False
    device: str | None = None
    dtype: torch.dtype | None = None
    refine: bool = True
    contact_sheet: bool = False
    save_every: int = 8  # of mini 4 s of film, made in about as long

    def __post_init__(self) -> None:
        if self.save_every < 0:
            raise InputError(f"a state every {self.save_every} chunks is not possible; 0 means none at all")

    def load(self) -> Pipeline:
        """The model that was asked for."""
        given: dict[str, Any] = {"device": self.device, "dtype": self.dtype, "refine": self.refine}
        if self.random_weights:
            return Pipeline.random(self.model, self.shot.seed, **given)
        return Pipeline.load(self.model, **given)


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
        self._saved = session.chunks_made if session else 0
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
        for film in self._pipeline.generate(shot, session=self._session):
            self._video.write(film)
            if self._sheet:
                self._sheet.add(film)
            if self._session and self._session.chunks_made - self._saved >= self.order.save_every:
                self.save()
            yield len(film)

    @property
    def frames(self) -> int:
        """How many frames are safe."""
        return self._video.frames

    @property
    def resumable(self) -> bool:
        return self._keep is not None and self._keep.asked.is_file()

    def save(self) -> None:
        """Write down how far it is, between two chunks; raises InputError where that cannot be written."""
        if self._keep and self._session and self.frames < self.order.shot.frames:
            self._keep.save(self._session, self._sheet)
            self._saved = self._session.chunks_made

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


class Keep:
    """The folder beside an output. One process at a time has it; the system lets go when that ends, however."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.folder = out.with_name(f"{out.name}.resume")
        self.asked, self.state = self.folder / "shot.json", self.folder / "state.safetensors"
        self._cells = self.folder / "cells.npy"
        self._release: Callable[[], object] = lambda: None

    def begin(self, order: Order, pipeline: Pipeline) -> None:
        """Forget what may be there, and write what is asked now; raises InputError."""
        with _told(self.folder):
            self.folder.mkdir(exist_ok=True)
        self.lock()
        self._empty()
        shot, folder = order.shot, Path(order.model)
        facts = {name: getattr(shot, name) for name in WORDS} | {
            name: getattr(order, name) for name in CHOICES
        }
        facts |= {
            "version": VERSION,
            "model": str(folder.resolve()) if folder.is_dir() else order.model,
            "device": str(pipeline.device),
            "threads": torch.get_num_threads(),
            "image": shot.image is not None,
            "about": pipeline.metadata(),
        }
        shot.camera.save(self.folder / "camera.npz")
        if isinstance(shot.image, np.ndarray):
            save_image(shot.image, self.folder / "first.png")
        with written_whole(self.asked) as part:  # last: with it, all of it is there
            part.write_text(json.dumps(facts, indent=1))

    def read(self) -> tuple[Order, dict[str, Any]]:
        """What was asked, and all that was written down about it; raises InputError where there is nothing."""
        if not self.asked.is_file():
            raise InputError(
                f"{self.out}: there is nothing to resume; an unfinished film has its state in {self.folder},"
                " a finished one has none"
            )
        try:
            facts = json.loads(self.asked.read_text())
            if facts["version"] != VERSION:
                raise InputError(
                    f"{self.asked}: is of version {facts['version']}; this flythrough reads version {VERSION}"
                )
            shot = Shot(
                camera=CameraPath.load(self.folder / "camera.npz"),
                image=self.folder / "first.png" if facts["image"] else None,
                **{name: facts[name] for name in WORDS},
            )
            order = Order(
                out=self.out,
                shot=shot,
                model=facts["model"],
                device=facts["device"],
                dtype=dtype_named(facts["about"]["dtype"]),
                **{name: facts[name] for name in CHOICES},
            )
            return order, facts | {"threads": int(facts["threads"])}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{self.asked}: is damaged, so this film has to be generated anew") from None

    def save(self, session: Session, sheet: ContactSheet | None) -> None:
        """Replace the state by another; whenever the process ends, one of the two is there. Raises InputError."""
        if not self.asked.is_file():
            raise InputError(
                f"{self.folder}: it was moved or removed; {session.frames_made} frames were written"
            )
        if sheet:
            with written_whole(self._cells) as part:
                np.save(part, sheet.cells)
        session.snapshot(self.state)

    def cells(self) -> np.ndarray:
        """What the contact sheet had when the state was written, or a little later."""
        try:
            return np.load(self._cells, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise InputError(f"{self._cells}: cannot be read ({error})") from None

    def forget(self) -> None:
        """Begin again from the first frame."""
        with _told(self.state):
            self.state.unlink(missing_ok=True)

    def lock(self) -> None:
        """Raises InputError if another process makes this film."""
        try:
            import fcntl
        except ImportError:  # not a Unix
            return
        with _told(self.folder):
            lock = os.open(self.folder, os.O_RDONLY)
        self._release = weakref.finalize(self, os.close, lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{self.out}: another process is making this film; wait for it, or stop it"
            ) from None
        except OSError:  # a file system without locks
            pass

    def release(self) -> None:
        """Let other processes have it."""
        self._release()

    def clear(self) -> None:
        """Remove the folder; raises InputError."""
        self._empty()
        with suppress(OSError):  # files of others are in it
            self.folder.rmdir()

    def _empty(self) -> None:
        ours = {"shot", "state", "cells", "camera", "first"}
        with _told(self.folder):
            self.asked.unlink(missing_ok=True)  # first: without it, the rest is nothing
            for file in self.folder.iterdir():
                if file.name.lstrip(".").partition(".")[0] in ours:  # half-written ones too
                    file.unlink()


def begin(order: Order) -> Flight:
    """Load what it takes and start; what lies at the output stays until there are frames. Raises InputError."""
    pipeline = order.load()
    about = order.shot.metadata() | pipeline.metadata()
    streams = pipeline.preset.sampling.order == "stream"
    if not (order.save_every and streams) or str(order.out) == STDOUT:
        return Flight(order, pipeline, about)
    keep = Keep(order.out)
    try:
        keep.begin(order, pipeline)
        return Flight(order, pipeline, about, keep)
    except BaseException:
        keep.release()
        raise


def resume(out: Path, note: Callable[[str], None]) -> Flight:
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
        return _taken_up(keep, order, facts, note)
    except BaseException:
        keep.release()
        raise


def _taken_up(keep: Keep, order: Order, facts: dict[str, Any], note: Callable[[str], None]) -> Flight:
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
    pipeline = order.load()
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


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the system says against it, as a sentence."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None
