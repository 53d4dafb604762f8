"""A flight's file: tensors and facts in one safetensors file that is whole or not there."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from flythrough.errors import InputError
from flythrough.media.files import replacing
from flythrough.tensorfiles import TensorFile, as_bytes, read_file, safetensors_header

FORMAT = "flythrough snapshot"
VERSION = 4
PIECE = 4 << 20  # bytes of a tensor that are summed, and go to a GPU, by themselves; part of the format
THREADS = 8  # one reads slower than a disk; more than these wait for each other
SAMPLES = 64  # numbers of each tensor that are looked at
INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def write_snapshot(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> dict[str, int]:
    """Write under a temporary name, then rename: a file of this name is whole, whenever the process ends.

    facts  JSON types; floats come back bit for bit
    Returns the bytes of each part, a part being all tensors with the same first word; raises InputError where the
    disk does not take them.
    """
    ready = {
        name: t.detach() if t.is_contiguous() else t.detach().cpu().contiguous()
        for name, t in tensors.items()
    }
    about = {"format": FORMAT, "version": str(VERSION), "facts": json.dumps(facts), "crc32": _crc32(0)}
    _, starts = safetensors_header(ready, about)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            part.write_bytes(b"")  # a kill may have left a longer one
            sums = _piece_by_piece(ready, partial(_store, part, ready, starts))
            about["crc32"] = _checksum(ready, sums, about["facts"])
            _write(part, 0, safetensors_header(ready, about)[0])
    except OSError as error:
        raise InputError(f"{path}: the snapshot cannot be written ({error.strerror or error})") from error
    sizes: dict[str, int] = {}
    for name, tensor in ready.items():
        part = name.partition(".")[0]
        sizes[part] = sizes.get(part, 0) + tensor.nbytes
    return sizes


def read_snapshot(path: Path, device: torch.device | str = "cpu") -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors, on a device, and facts. Raises InputError, one sentence, for anything but a whole snapshot."""
    if not path.is_file():
        raise InputError(f"{path}: there is no snapshot here")
    file = read_file(path)
    about = file.metadata
    if about.get("format") != FORMAT:
        raise InputError(f"{path}: is no snapshot of a flight; `Session.snapshot` writes one")
    if about.get("version") != str(VERSION):
        raise InputError(
            f"{path}: is a snapshot of version {about.get('version')}; this flythrough reads version {VERSION}"
        )
    tensors = {
        name: torch.empty(stored.shape, dtype=stored.dtype, device=device)
        for name, stored in file.tensors.items()
    }
    sums = _piece_by_piece(tensors, partial(_fetch, file, tensors))
    text = about.get("facts", "")
    if about.get("crc32") != _checksum(tensors, sums, text):
        raise InputError(f"{path}: the snapshot is damaged (its checksum is not that of its content)")
    return tensors, json.loads(text)


def fingerprint(*parts: object) -> str:
    """Tells models apart, and the same one in float32 and bfloat16: names, shapes, dtypes, and numbers of each tensor.

    Any one number that differs shows in the sum of all bits, which a GPU takes as fast as it reads; of the numbers
    themselves only a few are read, all of a module at once, since every answer of a GPU is waited for.
    parts: modules, each on one device; of anything else the class counts.
    """
    mark = hashlib.sha256()
    for part in parts:
        tensors = part.state_dict() if isinstance(part, nn.Module) else {}
        about = [f"{name} {tensor.dtype} {tuple(tensor.shape)}" for name, tensor in tensors.items()]
        mark.update("\n".join([type(part).__name__, *about]).encode())
        bits = [t.detach().view(INTEGERS[t.dtype.itemsize]).flatten() for t in tensors.values()]
        some = [one[:: max(1, len(one) // SAMPLES)][:SAMPLES] for one in bits]
        numbers = [torch.stack([one.sum() for one in bits])] if bits else []
        for kind in INTEGERS.values():
            numbers += [torch.cat(of_kind)] if (of_kind := [one for one in some if one.dtype == kind]) else []
        for one in numbers:
            mark.update(as_bytes(one.cpu()).numpy().data)
    return mark.hexdigest()


def _piece_by_piece(tensors: dict[str, Tensor], work: Callable[[str, int, int], int]) -> list[int]:
    """Do work on bytes begin to end - 1 of each tensor, many pieces at a time; returns the sums that it returns."""
    pieces = [
        (name, begin, min(begin + PIECE, tensors[name].nbytes))
        for name in sorted(tensors)
        for begin in range(0, tensors[name].nbytes, PIECE)
    ]
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(lambda piece: work(*piece), pieces))


def _store(
    file: Path, tensors: dict[str, Tensor], starts: dict[str, int], name: str, begin: int, end: int
) -> int:
    """Write a piece of a tensor and return its sum."""
    home = as_bytes(tensors[name])[begin:end]
    piece = home if home.device.type == "cpu" else _on_the_way(home).copy_(home)
    _write(file, starts[name] + begin, piece.numpy().data)
    return zlib.crc32(piece.numpy().data)


def _fetch(file: TensorFile, tensors: dict[str, Tensor], name: str, begin: int, end: int) -> int:
    """Fill a piece of a tensor and return its sum."""
    home = as_bytes(tensors[name])[begin:end]
    piece = home if home.device.type == "cpu" else _on_the_way(home)
    file.tensors[name].fill(begin, piece)
    if piece is not home:
        home.copy_(piece)
    return zlib.crc32(piece.numpy().data)


def _on_the_way(home: Tensor) -> Tensor:
    """Memory for a piece on its way to or from a GPU: pinned, which is the fastest way there is."""
    return torch.empty(len(home), dtype=torch.uint8, pin_memory=home.is_cuda)


def _write(path: Path, begin: int, rest: bytes | memoryview) -> None:
    """Write into a file that is there, from one of its bytes on."""
    rest = memoryview(rest)
    with path.open("r+b", buffering=0) as file:
        file.seek(begin)
        while len(rest):
            rest = rest[file.write(rest) :]  # the system may take less than was given


def _checksum(tensors: dict[str, Tensor], sums: list[int], text: str) -> str:
    """Of the facts, of what the tensors are, and of the sums of their pieces."""
    about = [f"{name} {tensors[name].dtype} {tuple(tensors[name].shape)}" for name in sorted(tensors)]
    return _crc32(zlib.crc32("\n".join([text, *about, *map(str, sums)]).encode()))


def _crc32(crc: int) -> str:
    """In hexadecimal, always as long, so that a header can be measured before its sum is known."""
    return f"{crc:08x}"
