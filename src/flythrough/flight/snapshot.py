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
from safetensors import SafetensorError
from torch import Tensor, nn

from flythrough import parameters
from flythrough.errors import InputError
from flythrough.tensorfiles import TensorFile, as_bytes, read_file

FORMAT = "flythrough snapshot"
VERSION = 4
PIECE = 4 << 20  # bytes of a tensor that are summed, and go to a GPU, by themselves; part of the format
SAMPLES = 64  # numbers of each tensor that are looked at
INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def write_snapshot(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> dict[str, int]:
    """Write under a temporary name, then rename: a file of this name is whole, whenever the process ends.

    facts  JSON types; floats come back bit for bit
    Returns the bytes of each part, a part being all tensors with the same first word; raises InputError where the
    disk does not take them.
    """
    ready = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
    text = json.dumps(facts)
    crc = _crc(
        ready, text, lambda name, begin, end: zlib.crc32(as_bytes(ready[name])[begin:end].numpy().data)
    )
    about = {"format": FORMAT, "version": str(VERSION), "facts": text, "crc32": str(crc)}
    try:
        parameters.write(ready, path, about)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: the snapshot cannot be written ({reason})") from error
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
    text = about.get("facts", "")
    if about.get("crc32") != str(_crc(tensors, text, partial(_fetch, file, tensors))):
        raise InputError(f"{path}: the snapshot is damaged (its checksum is not that of its content)")
    return tensors, json.loads(text)


def fingerprint(*parts: object) -> str:
    """Tells models apart, and the same one in float32 and bfloat16: names, shapes, dtypes, and numbers of each tensor.

    Any one number that differs shows in the sum of all bits, which a GPU takes as fast as it reads; of the numbers
    themselves only a few are read, all at once, since every answer of a GPU is waited for.
    parts: modules; of anything else the class counts.
    """
    about, numbers = [], []
    for part in parts:
        about.append(type(part).__name__)
        for name, tensor in part.state_dict().items() if isinstance(part, nn.Module) else ():
            about.append(f"{name} {tensor.dtype} {tuple(tensor.shape)}")
            bits = tensor.detach().view(INTEGERS[tensor.dtype.itemsize]).flatten()
            some = bits[:: max(1, bits.numel() // SAMPLES)][:SAMPLES]
            numbers.append(torch.cat([bits.sum()[None], some.long()]))
    mark = hashlib.sha256("\n".join(about).encode())
    if numbers:
        mark.update(as_bytes(torch.cat(numbers).cpu()).numpy().data)
    return mark.hexdigest()


def _fetch(file: TensorFile, tensors: dict[str, Tensor], name: str, begin: int, end: int) -> int:
    """Fill a piece of a tensor and return its sum. To a GPU it goes through pinned memory, as fast as there is."""
    home = as_bytes(tensors[name])[begin:end]
    piece = (
        home
        if home.device.type == "cpu"
        else torch.empty(len(home), dtype=torch.uint8, pin_memory=home.is_cuda)
    )
    file.tensors[name].fill(begin, piece)
    if piece is not home:
        home.copy_(piece)
    return zlib.crc32(piece.numpy().data)


def _crc(tensors: dict[str, Tensor], text: str, of_piece: Callable[[str, int, int], int]) -> int:
    """Of the facts, and of the sums of all tensors' pieces, so that many threads can add, and read, at once."""
    about = [f"{name} {tensors[name].dtype} {tuple(tensors[name].shape)}" for name in sorted(tensors)]
    pieces = [
        (name, begin, min(begin + PIECE, tensors[name].nbytes))
        for name in sorted(tensors)
        for begin in range(0, tensors[name].nbytes, PIECE)
    ]
    with ThreadPoolExecutor() as pool:
        sums = pool.map(lambda piece: str(of_piece(*piece)), pieces)
        return zlib.crc32("\n".join([text, *about, *sums]).encode())
