"""Pictures: read, fitted, saved, and many on one."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from flythrough.errors import InputError
from flythrough.media.files import line, written_whole

Picture = NDArray[np.uint8]  # (H, W, 3) sRGB
Film = NDArray[np.uint8]  # (F, H, W, 3) sRGB

SMALLEST = 64  # pixels along a side of a first frame
LARGEST = 100_000_000  # pixels in all; a phone's largest pictures have half as many


def load_image(path: str | Path) -> Picture:
    """Read a first frame: turned upright as its EXIF says, transparency over white, (H, W, 3) uint8.

    Raises InputError when the file is no picture, is cut off, or is too small or too large.
    """
    path = Path(path)
    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the size is checked below
            _check_size(path, *image.size)
            image = ImageOps.exif_transpose(image)
            return np.array(opaque(image))
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such picture") from None
    except Image.DecompressionBombError:
        raise InputError(f"{path}: it has more than {LARGEST / 1e6:.0f} million pixels") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: it cannot be read as a picture ({line(error)})") from None


def exif_fov_deg(path: str | Path | BinaryIO) -> float | None:
    """The field of view along the longer side that a photograph's EXIF states, in degrees; None where it does not.

    From the focal length on 35 mm film, whose frame's diagonal is 43.27 mm, or else from the focal length and the
    sensor's pixels a millimetre.
    """
    with Image.open(path) as image:
        long, short = max(image.size), min(image.size)
        exif = image.getexif().get_ifd(ExifTags.IFD.Exif)
    tag = ExifTags.Base
    try:
        if film := float(exif.get(tag.FocalLengthIn35mmFilm, 0)):
            focal = film * math.hypot(long, short) / math.hypot(36, 24)
        else:
            unit = {2: 25.4, 3: 10.0, 4: 1.0}[int(exif.get(tag.FocalPlaneResolutionUnit, 2))]
            focal = float(exif.get(tag.FocalLength, 0)) * float(exif.get(tag.FocalPlaneXResolution, 0)) / unit
    except (TypeError, ValueError, KeyError, ZeroDivisionError):
        return None
    return math.degrees(2 * math.atan(long / (2 * focal))) if focal > 0 else None


def fit(image: Picture, height: int, width: int) -> Picture:
    """Resize to fill height x width and cut at the centre, as `CameraPath.fitted` does to intrinsics."""
    from flythrough.camera.intrinsics import centre_crop  # brings torch along, which films do not need

    crop = centre_crop(image.shape[:2], height, width)
    rows, columns = crop.resized
    resized = np.asarray(Image.fromarray(image).resize((columns, rows), Image.Resampling.LANCZOS))
    top, left = crop.offset
    return resized[top : top + height, left : left + width].copy()


def save_image(image: Picture, path: str | Path) -> None:
    """Write a picture; the suffix chooses the format."""
    with written_whole(Path(path)) as part:
        Image.fromarray(image).save(part)


class ContactSheet:
    """A clip on one picture: some of its frames, evenly in time, row by row. Keeps only those frames."""

    def __init__(
        self, frames: int, *, columns: int = 6, rows: int = 4, width: int = 224, gap: int = 4
    ) -> None:
        """frames: how many there will be; the sheet shows the first, the last and others between."""
        count = min(frames, columns * rows)
        self._wanted = set(np.linspace(0, frames - 1, count).round().astype(int).tolist())
        self._columns, self._width, self._gap = min(columns, count), width, gap
        self._seen = 0
        self._cells: list[Picture] = []

    def add(self, frames: Film) -> None:
        """The next frames (n, H, W, 3) uint8 of the clip."""
        for number, picture in enumerate(frames, self._seen):
            if number in self._wanted:
                height = round(picture.shape[0] * self._width / picture.shape[1])
                small = Image.fromarray(picture).resize((self._width, height), Image.Resampling.LANCZOS)
                self._cells.append(np.asarray(small))
        self._seen += len(frames)

    @property
    def cells(self) -> Film:
        """The frames it keeps so far, small: (n, h, w, 3) uint8."""
        return np.stack(self._cells) if self._cells else np.zeros((0, 1, self._width, 3), np.uint8)

    def take_up(self, cells: Film, frames: int) -> None:
        """Go on after the first `frames` of the clip, of which another sheet kept these cells, and later ones maybe.

        Raises InputError where cells of that many frames are missing.
        """
        count = sum(number < frames for number in self._wanted)
        if len(cells) < count or cells.shape[2:] != (self._width, 3) or cells.dtype != np.uint8:
            raise InputError(f"a contact sheet of {frames} frames has {count} pictures; these are not they")
        self._cells, self._seen = list(cells[:count]), frames

    def picture(self) -> Picture:
        """The sheet so far, on white."""
        if not self._cells:
            raise InputError("a contact sheet needs at least one frame")
        height, width = self._cells[0].shape[0] + self._gap, self._width + self._gap
        rows = -(-len(self._cells) // self._columns)
        sheet = np.full((rows * height + self._gap, self._columns * width + self._gap, 3), 245, np.uint8)
        for index, cell in enumerate(self._cells):
            top, left = index // self._columns * height + self._gap, index % self._columns * width + self._gap
            sheet[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
        return sheet


def _check_size(path: Path, width: int, height: int) -> None:
    if min(width, height) < SMALLEST:
        raise InputError(f"{path}: it is {width}x{height} pixels; both sides need at least {SMALLEST}")
    if width * height > LARGEST:
        raise InputError(
            f"{path}: it has {width * height / 1e6:.0f} million pixels; at most {LARGEST / 1e6:.0f}"
        )


def opaque(image: Image.Image) -> Image.Image:
    """As RGB: transparency over white, 16 bits scaled down."""
    if image.mode.startswith(("I", "F")):  # 16 bits a pixel, which `convert` would cut off at 255
        values = np.asarray(image, dtype=np.float64)
        return Image.fromarray((values / max(values.max(), 255) * 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")
