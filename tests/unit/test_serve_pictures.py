from __future__ import annotations

import struct
import tracemalloc
import zlib
from base64 import b64encode
from contextlib import suppress

import numpy as np
import pytest

from flythrough.errors import InputError
from flythrough.serve import pictures
from tests.serving import png

MOST = 1_000_000


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is so large; its pixels, all black, take a thousandth of that."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packed = zlib.compress(bytes(min(height, 2000) * (width + 1)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_pictures_of_three_formats_are_read(kind: str) -> None:
    picture, fov = pictures.decode(png(96, 128, kind=kind), MOST)
    assert picture.shape == (96, 128, 3)
    assert picture.dtype == np.uint8
    assert fov is None


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "ICO", "PPM"])
def test_other_formats_are_refused(kind: str) -> None:
    with pytest.raises(InputError, match="send PNG, JPEG or WebP"):
        pictures.decode(png(kind=kind), MOST)


@pytest.mark.parametrize("size", [(50_000, 50_000), (1_000_001, 100), (20_000, 20_000)])
def test_a_huge_picture_is_refused_by_its_header_and_takes_no_memory(size: tuple[int, int]) -> None:
    data = bomb(*size)
    tracemalloc.start()
    with pytest.raises(InputError, match="pixels"):
        pictures.decode(data, MOST)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8_000_000


def test_compressed_text_that_unpacks_to_gigabytes_is_refused() -> None:
    packed = zlib.compress(bytes(200_000_000), 9)
    text = chunk(b"zTXt", b"Comment\0\0" + packed)
    data = png()
    with pytest.raises(InputError, match=r"cannot be decoded|none that can be read"):
        pictures.decode(data[:33] + text + data[33:], MOST)


@pytest.mark.parametrize("cut", [0, 1, 8, 20, 40, 200, -200])
def test_a_cut_picture_is_a_sentence(cut: int) -> None:
    with pytest.raises(InputError, match=r"^the picture"):
        pictures.decode(png()[:cut], MOST)


def test_random_damage_is_a_sentence_or_a_picture() -> None:
    rng = np.random.default_rng(0)
    for number in range(300):
        data = bytearray(png(kind=("PNG", "JPEG", "WEBP")[number % 3]))
        for place in rng.integers(0, len(data), 1 + number % 20):
            data[place] = rng.integers(256)
        with suppress(InputError):  # anything else is a failure
            picture, _ = pictures.decode(bytes(data), MOST)
            assert picture.ndim == 3


def test_a_small_picture_is_refused_with_its_size() -> None:
    with pytest.raises(InputError, match="32x48 pixels; both sides need at least 64"):
        pictures.decode(png(48, 32), MOST)


def test_a_data_uri_is_read() -> None:
    data = png()
    assert pictures.from_data_uri(f"data:image/png;base64,{b64encode(data).decode()}") == data


@pytest.mark.parametrize(
    "text",
    [
        "/etc/passwd",
        "file:///etc/passwd",
        "http://127.0.0.1/a.png",
        "../a.png",
        "data:image/png",
        "data:,x",
        "",
    ],
)
def test_paths_and_urls_are_neither_opened_nor_fetched(text: str) -> None:
    with pytest.raises(InputError, match="input_reference is"):
        pictures.from_data_uri(text)
