"""What was asked of a film, and the folder that remembers it beside the output, with how far the film got.

Beside fly.mp4, fly.mp4.resume/ holds shot.json, camera.npz and first.png, which say what was asked and are there
before the first chunk; state.safetensors, the flight after so many chunks; and cells.npy, what its contact sheet has
so far. A finished film has no such folder.
"""

from __future__ import annotations

import json
import os
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from flythrough.camera.path import CameraPath
from flythrough.errors import InputError
from flythrough.media import ContactSheet, save_image, written_whole
from flythrough.pipeline import Pipeline
from flythrough.presets import Preset
from flythrough.session import Session
from flythrough.shot import Shot
from flythrough.tensors import dtype_named

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
    save_every      chunks between two states of a streaming model; None: its own number; 0: it cannot be resumed
    """

    out: Path
    shot: Shot
    model: str = "mini"
    random_weights: bool = False
    device: str | None = None
    dtype: torch.dtype | None = None
    refine: bool = True
    contact_sheet: bool = False
    save_every: int | None = None

    def __post_init__(self) -> None:
        if self.save_every is not None and self.save_every < 0:
            raise InputError(f"a state every {self.save_every} chunks is not possible; 0 means none at all")

    def chunks_apart(self, plan: Preset) -> int:
        """Chunks between two states, of a model with these numbers."""
        return plan.save_every if self.save_every is None else self.save_every

    def load(self) -> Pipeline:
        """The model that was asked for."""
        given: dict[str, Any] = {"device": self.device, "dtype": self.dtype, "refine": self.refine}
        if self.random_weights:
            return Pipeline.random(self.model, self.shot.seed, **given)
        return Pipeline.load(self.model, **given)


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


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the system says against it, as a sentence."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None
