"""Files that are there whole or not at all, and in words why one could not be written."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flythrough.errors import InputError

REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk has no more room for this user",
    errno.EFBIG: "it has become as large as a file may be here",
    errno.ENOENT: "it or its folder was moved, removed or replaced",
    errno.ESTALE: "it or its folder was moved, removed or replaced",
    errno.EPIPE: "the program that reads it has ended",
}


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
    try:
        with replacing(path) as part:
            yield part
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """As `written_whole`, but what the system says against it comes as it is, an OSError."""
    part = _part(path)
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def save_bytes(path: Path, data: bytes) -> None:
    """Write a file that is whole, or not there, even when the power fails. Raises OSError."""
    with replacing(path) as part, part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def reason(error: OSError) -> str:
    """Why something could not be written, in words."""
    known = REASONS.get(error.errno or 0)
    return known or f"it cannot be written ({error.strerror or error})"


def line(error: BaseException) -> str:
    """An error of another library on one line."""
    return " ".join(str(error).split())[:160]


def _part(path: Path) -> Path:
    return path.with_name(f".{path.stem}.part{path.suffix}")
