"""One file over HTTP: resumed where it broke, and given its name when its hash is right."""

from __future__ import annotations

import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flythrough.errors import InputError, WeightsError

TRIES = 5  # in a row without a byte
WAIT_S = 1.0  # before the second try; doubles with each
BLOCK = 1 << 20  # bytes
TIMEOUT_S = 30.0

Progress = Callable[[str, int], None]


@dataclass(frozen=True)
class Source:
    """Where a file is, how long it is and what its content must hash to: sha256:HEX, or git:HEX as of a git blob."""

    url: str
    size: int
    digest: str
    token: str | None = field(default=None, repr=False)

    @staticmethod
    def partial(path: Path, digest: str) -> Path:
        """Where a file grows. Its hash is in the name: nothing goes on from another version."""
        return path.with_name(f"{path.name}.{digest.partition(':')[2][:16]}.part")


def download(source: Source, path: Path, progress: Progress | None = None) -> None:
    """Get a file, or the rest of it, to `path`.

    Raises InputError if the connection breaks again and again, WeightsError if the content is not what its
    publisher hashed; then nothing of it stays.
    """
    growing = Source.partial(path, source.digest)
    growing.parent.mkdir(parents=True, exist_ok=True)
    tell = progress or (lambda name, count: None)
    failures = 0
    while _size(growing) < source.size:
        before = _size(growing)
        try:
            _receive(source, growing, path.name, tell)
            fault = "the connection ended early"
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code not in (408, 429):
                raise InputError(f"{path.name}: {source.url} answers {error.code} {error.reason}") from error
            fault = f"{error.code} {error.reason}"
        except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
            fault = str(getattr(error, "reason", None) or error) or type(error).__name__
        failures = 0 if _size(growing) > before else failures + 1
        if failures == TRIES:
            raise InputError(
                f"{path.name}: the connection to {source.url} broke at {before / 1e9:.3f} of "
                f"{source.size / 1e9:.3f} GB ({fault}); the same command goes on from there"
            )
        if failures:
            time.sleep(WAIT_S * 2 ** (failures - 1))
    growing.touch()  # an empty file needs no request
    if not matches(growing, source.size, source.digest):
        growing.unlink()
        raise WeightsError(
            f"{path.name}: what {source.url} sends is not what its publisher hashed ({source.digest}); deleted"
        )
    os.replace(growing, path)


def matches(path: Path, size: int, digest: str) -> bool:
    """Whether a file has this size and hash."""
    if path.stat().st_size != size:
        return False
    kind, _, wanted = digest.partition(":")
    found = hashlib.sha256() if kind == "sha256" else hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            found.update(block)
    return found.hexdigest() == wanted


def _receive(source: Source, growing: Path, name: str, tell: Progress) -> None:
    """One request: append what comes."""
    here = _size(growing)
    request = urllib.request.Request(source.url, headers={"Accept-Encoding": "identity"})
    if source.token:  # not sent on to where a redirect leads
        request.add_unredirected_header("Authorization", f"Bearer {source.token}")
    if here:
        request.add_header("Range", f"bytes={here}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        if here and not _continues(answer, here):
            tell(name, -here)
            here = 0
        with growing.open("ab" if here else "wb") as file:
            while block := answer.read(min(BLOCK, source.size - here)):
                here += len(block)
                file.write(block)
                tell(name, len(block))


def _continues(answer: Any, here: int) -> bool:
    """Whether the answer is the rest of the file; a server may also send it from the start."""
    return answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {here}-")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
