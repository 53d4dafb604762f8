"""The files of one job, in a folder with a random name."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from flythrough.camera.path import CameraPath
from flythrough.errors import InputError
from flythrough.media import Picture, complete_frames, pieces, save_image
from flythrough.media.files import save_bytes
from flythrough.order import Keep


class Folder:
    """Where the files of a job lie; nothing else is in there, and no name comes from a client."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.film = path / "film.mp4"
        self.sheet = path / "film.sheet.png"
        self.poster = path / "poster.jpg"
        self.picture = path / "picture.png"
        self._camera = path / "camera.npz"

    def begin(self, camera: CameraPath, picture: Picture | None) -> None:
        """Write down what a job cannot do without, to be there even when the power fails. Raises InputError."""
        try:
            self.path.mkdir(mode=0o700)
            camera.save(self._camera)
            if picture is not None:
                save_image(picture, self.picture)
            for file in self.path.iterdir():
                with file.open("rb") as opened:
                    os.fsync(opened.fileno())
            for folder in (self.path, self.path.parent):
                _sync(folder)
        except OSError as error:
            raise InputError(f"the server cannot write ({error.strerror or error})") from None

    def camera(self) -> CameraPath:
        return CameraPath.load(self._camera)

    def first_frame(self) -> Picture | None:
        """The picture that was given, (H, W, 3) uint8."""
        if not self.picture.is_file():
            return None
        with Image.open(self.picture) as image:
            return np.array(image.convert("RGB"))

    def keep_poster(self, data: bytes) -> None:
        with suppress(OSError):  # a full disk; the film itself will say so
            save_bytes(self.poster, data)

    @property
    def resumable(self) -> bool:
        return Keep(self.film).asked.is_file()

    def finished(self, frames: int) -> bool:
        """Whether the film is whole, though nobody may have noticed."""
        try:
            if complete_frames(self.film) != frames:
                return False
            return not self.resumable or not pieces.scan(self.film)[1]
        except (InputError, OSError):
            return False

    def frames(self) -> int:
        """How many frames can be watched."""
        try:
            return complete_frames(self.film)
        except InputError:
            return 0

    def start_over(self) -> None:
        """Throw away what was made, not what was asked."""
        shutil.rmtree(Keep(self.film).folder, ignore_errors=True)
        for file in (self.film, self.sheet, self.path / "film.camera.json"):
            file.unlink(missing_ok=True)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def _sync(folder: Path) -> None:
    with suppress(OSError):  # not every system can
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
