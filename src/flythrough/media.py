"""Pictures and video files: read, fitted, written whole or not at all."""

from __future__ import annotations

import json
import math
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from flythrough.camera.intrinsics import centre_crop
from flythrough.errors import InputError

Picture = NDArray[np.uint8]  # (H, W, 3) sRGB
Film = NDArray[np.uint8]  # (F, H, W, 3) sRGB

SMALLEST = 64  # pixels along a side of a first frame
LARGEST = 100_000_000  # pixels in all; a phone's largest pictures have half as many
CRF = 19  # x264's quality: lower is better and larger; 19 is hard to tell from the original
KEY = "flythrough"  # the metadata entry of our videos, one JSON object


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
            return np.array(_opaque(image))
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such picture") from None
    except Image.DecompressionBombError:
        raise InputError(f"{path}: it has more than {LARGEST / 1e6:.0f} million pixels") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: it cannot be read as a picture ({_line(error)})") from None


def exif_fov_deg(path: str | Path) -> float | None:
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
    crop = centre_crop(image.shape[:2], height, width)
    rows, columns = crop.resized
    resized = np.asarray(Image.fromarray(image).resize((columns, rows), Image.Resampling.LANCZOS))
    top, left = crop.offset
    return resized[top : top + height, left : left + width].copy()


def save_image(image: Picture, path: str | Path) -> None:
    """Write a picture; the suffix chooses the format."""
    with written_whole(Path(path)) as part:
        Image.fromarray(image).save(part)


def check_writable(path: str | Path, suffixes: tuple[str, ...] = ()) -> None:
    """Raise InputError unless a file can be made at `path`, so that nobody works for an hour in vain."""
    path = Path(path)
    if suffixes and path.suffix.lower() not in suffixes:
        raise InputError(f"{path}: the file's name must end in {' or '.join(suffixes)}")
    if path.is_dir():
        raise InputError(f"{path}: this is a folder; name a file in it")
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist")
    part = _part(path)
    try:
        part.touch()
        part.unlink()
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary name to write to; it becomes `path` if the block ends well and vanishes if not."""
    part = _part(path)
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None
    finally:
        part.unlink(missing_ok=True)


class VideoWriter:
    """H.264 in an mp4 that plays everywhere, written as frames come, under another name until it is whole.

    metadata is one JSON object that `read_metadata` gives back. Leaving the block by an exception, Ctrl-C
    included, keeps the frames written so far as a playable file; if there are none, no file.
    """

    def __init__(self, path: str | Path, fps: float, metadata: Mapping[str, Any] | None = None) -> None:
        self.path, self.fps, self.frames = Path(path), fps, 0
        self._part = _part(self.path)
        self._metadata = dict(metadata or {})
        self._container: Any = None
        self._stream: Any = None
        check_writable(self.path, (".mp4",))

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        finally:
            self._part.unlink(missing_ok=True)

    def write(self, frames: Film) -> None:
        """Add frames (n, H, W, 3) uint8; both sides must be even."""
        import av
        from av.video.reformatter import Colorspace

        for picture in frames:
            container = self._container or self._open(picture)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
            frame.pts, self.frames = self.frames, self.frames + 1
            container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the file and give it its name."""
        if self._container is None:
            return
        container, self._container = self._container, None
        container.mux(self._stream.encode())
        container.close()
        try:
            os.replace(self._part, self.path)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written ({error.strerror or error})") from None

    def _open(self, picture: Picture) -> Any:
        import av

        height, width = picture.shape[:2]
        if height % 2 or width % 2:
            raise InputError(
                f"{self.path}: a video of {width}x{height} is not possible; both sides must be even"
            )
        rate = Fraction(self.fps).limit_denominator(1001)
        # the tables go to the front, so that a browser shows the first frame before it has the whole file
        options = {"movflags": "+faststart+use_metadata_tags"}
        self._container = av.open(str(self._part), "w", format="mp4", options=options)
        text = json.dumps(self._metadata, ensure_ascii=False)
        tags = {"title": str(self._metadata.get("prompt", "")), KEY: text}
        self._container.metadata.update({name: value for name, value in tags.items() if value})
        # without mbtree, whose AVX-512 code lets the same frames become another file now and then
        x264 = {"crf": str(CRF), "mbtree": "0"}
        self._stream = self._container.add_stream("libx264", rate=rate, options=x264)
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        context = self._stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709
        context.color_range = 1  # 16 to 235, what players expect
        return self._container


def read_video(path: str | Path, most: int | None = None) -> tuple[Film, float]:
    """All frames of a video, or the first `most`, (F, H, W, 3) uint8, and its frames a second."""
    import av

    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            frames = []
            for frame in container.decode(stream):
                if len(frames) == most:
                    break
                frames.append(frame.to_ndarray(format="rgb24"))
            return np.stack(frames), float(stream.average_rate or 0)
    except (av.FFmpegError, IndexError, ValueError) as error:
        raise InputError(f"{path}: it cannot be read as a video ({_line(error)})") from None


def read_metadata(path: str | Path) -> dict[str, Any]:
    """What `VideoWriter` was given as metadata; empty for a video that is not ours."""
    import av

    try:
        with av.open(str(path)) as container:
            return json.loads(container.metadata.get(KEY, "{}"))
    except (av.FFmpegError, ValueError) as error:
        raise InputError(f"{path}: it cannot be read as a video ({_line(error)})") from None


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


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):  # 16 bits a pixel, which `convert` would cut off at 255
        values = np.asarray(image, dtype=np.float64)
        return Image.fromarray((values / max(values.max(), 255) * 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def _part(path: Path) -> Path:
    return path.with_name(f".{path.stem}.part{path.suffix}")


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160]
