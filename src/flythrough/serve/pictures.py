"""Pictures from strangers: measured before they are decoded, one at a time, in three formats only."""

from __future__ import annotations

import base64
import binascii
import threading
import warnings
from io import BytesIO

import numpy as np
from PIL import Image, ImageOps

from flythrough.errors import InputError
from flythrough.media import Picture, exif_fov_deg
from flythrough.media.files import line
from flythrough.media.pictures import SMALLEST, opaque

FORMATS = ("PNG", "JPEG", "WEBP")
PREVIEW_WIDTH = 320
_one_at_a_time = threading.Lock()  # so that many uploads at once do not take the memory of many pictures


def decode(data: bytes, most_pixels: int) -> tuple[Picture, float | None]:
    """An uploaded picture, upright, (H, W, 3) uint8, and the field of view along its longer side that its EXIF states.

    Raises InputError unless it is PNG, JPEG or WebP of 64 pixels a side to most_pixels in all; what its header says
    decides, before anything is decoded.
    """
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a damaged EXIF, a bomb: all of it is checked here
        try:
            with Image.open(BytesIO(data), formats=FORMATS) as image:
                _check_size(*image.size, most_pixels)
                picture = np.array(opaque(ImageOps.exif_transpose(image)))
            return picture, exif_fov_deg(BytesIO(data))
        except InputError:
            raise
        except Image.DecompressionBombError:
            raise InputError(
                f"the picture has too many pixels; at most {most_pixels / 1e6:g} million are read"
            ) from None
        except Image.UnidentifiedImageError:
            raise InputError("the picture is none that can be read; send PNG, JPEG or WebP") from None
        except MemoryError:
            raise InputError("the picture is too large for this machine's memory") from None
        except Exception as error:  # Pillow's decoders raise nearly anything at damaged files
            raise InputError(
                f"the picture cannot be decoded ({line(error) or type(error).__name__})"
            ) from None


def from_data_uri(text: str) -> bytes:
    """The bytes of a data: URI of a picture. Raises InputError for anything else: nothing is opened or fetched."""
    head, comma, body = text.partition(",")
    if not head.lower().startswith("data:") or not comma:
        raise InputError(
            "input_reference is neither an upload nor a data: URI; paths are not opened and URLs are not fetched here,"
            " so send the picture itself"
        )
    if not head.lower().endswith(";base64"):
        raise InputError(
            "input_reference is a data: URI that is not base64; expected data:image/png;base64,..."
        )
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise InputError("input_reference is a data: URI whose base64 is damaged") from None


def jpeg(picture: Picture, width: int | None = None, quality: int = 85) -> bytes:
    """A picture as JPEG, at most so wide."""
    image = Image.fromarray(picture)
    if width is not None and image.width > width:
        image = image.resize((width, round(image.height * width / image.width)), Image.Resampling.BILINEAR)
    file = BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def _check_size(width: int, height: int, most_pixels: int) -> None:
    if min(width, height) < SMALLEST:
        raise InputError(f"the picture is {width}x{height} pixels; both sides need at least {SMALLEST}")
    if width * height > most_pixels:
        raise InputError(
            f"the picture is {width}x{height} pixels, {width * height / 1e6:.0f} million; at most"
            f" {most_pixels / 1e6:g} million are read"
        )
