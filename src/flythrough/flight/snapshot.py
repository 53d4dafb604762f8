"""A flight's file: tensors and facts in one safetensors file that is whole or not there."""

from __future__ import annotations

import hashlib
import json
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from flythrough import parameters
from flythrough.errors import InputError
from flythrough.tensorfiles import read_file

FORMAT = "flythrough snapshot"
VERSION = 3
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
    about = {"format": FORMAT, "version": str(VERSION), "facts": text, "crc32": str(_crc(ready, text))}
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


def read_snapshot(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors on the CPU and facts. Raises InputError, one sentence, for anything but a whole snapshot."""
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
    with ThreadPoolExecutor() as pool:  # gigabytes at full size: one thread reads slower than a disk
        tensors = dict(
            zip(file.tensors, pool.map(lambda stored: stored.read(), file.tensors.values()), strict=True)
        )
    text = about.get("facts", "")
    if about.get("crc32") != str(_crc(tensors, text)):
        raise InputError(f"{path}: the snapshot is damaged (its checksum is not that of its content)")
    return tensors, json.loads(text)


def fingerprint(*parts: object) -> str:
    """Tells models apart, and the same one in float32 and bfloat16: names, shapes, dtypes, and numbers of each tensor.

    Any one number that differs shows in the sum of all bits, which a GPU takes as fast as it reads; of the numbers
    themselves only a few are read. parts: modules; of anything else the class counts.
    """
    mark = hashlib.sha256()
    for part in parts:
        mark.update(type(part).__name__.encode())
        for name, tensor in part.state_dict().items() if isinstance(part, nn.Module) else ():
            bits = tensor.detach().view(INTEGERS[tensor.dtype.itemsize])
            mark.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} {int(bits.sum())}".encode())
            some = min(bits.numel(), SAMPLES)
            places = torch.arange(some, device=bits.device) * bits.numel() // max(some, 1)
            mark.update(_bytes(bits.take(places).cpu()))
    return mark.hexdigest()


def _crc(tensors: dict[str, Tensor], text: str) -> int:
    """Of the facts and of every tensor's own sum, so that many threads can add at once."""

    def summed(name: str) -> str:
        tensor = tensors[name]
        return f"{name} {tensor.dtype} {tuple(tensor.shape)} {zlib.crc32(_bytes(tensor))}"

    with ThreadPoolExecutor() as pool:
        return zlib.crc32("\n".join([text, *pool.map(summed, sorted(tensors))]).encode())


def _bytes(tensor: Tensor) -> memoryview:
    return tensor.reshape(-1).view(torch.uint8).numpy().data
