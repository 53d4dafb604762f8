"""What is in a file of tensors, by its header alone: safetensors, and torch's own .pt read as data, never run."""

from __future__ import annotations

import json
import math
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from flythrough.errors import WeightsError

PICKLED = (".pt", ".pth", ".ckpt", ".bin")
HEADER_LIMIT = 100_000_000  # bytes; the format's own limit
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


@dataclass(frozen=True)
class Stored:
    """One tensor in a file.

    fill  copies the tensor's bytes from one of them on into memory (n,) uint8 on the CPU, until that is full
    """

    file: Path
    shape: tuple[int, ...]
    dtype: torch.dtype
    fill: Callable[[int, Tensor], None]

    def read(self) -> Tensor:
        """On the CPU, in memory of its own."""
        tensor = torch.empty(self.shape, dtype=self.dtype)
        self.fill(0, as_bytes(tensor))
        return tensor


@dataclass(frozen=True)
class TensorFile:
    """All tensors of a file, in the order in which they lie there, and its metadata."""

    path: Path
    tensors: dict[str, Stored]
    metadata: dict[str, str]


def as_bytes(tensor: Tensor) -> Tensor:
    """The memory of a contiguous tensor, (n,) uint8."""
    return tensor.reshape(-1).view(torch.uint8)


def read_file(path: Path) -> TensorFile:
    """Read and check the whole structure of a file, but none of its numbers.

    Raises WeightsError, which names the file and the fault, for anything but a whole file.
    """
    check_file(path)
    try:
        return _pickled(path) if path.suffix in PICKLED else _safetensors(path)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error})") from error


def check_file(path: Path) -> None:
    """Raise WeightsError unless there is a plain file."""
    if path.is_dir():
        raise WeightsError(f"{path}: is a folder, where a weights file is needed")
    if not path.is_file():
        fault = (
            "is a link that leads to no file" if path.is_symlink() else "there is no such weights file here"
        )
        raise WeightsError(f"{path}: {fault}")


def read_json(path: Path, text: str | None = None) -> dict[str, Any]:
    """A JSON object from a file, or from text that stands in it; a key may not come twice."""
    try:
        value = json.loads(path.read_text("utf-8") if text is None else text, object_pairs_hook=_unique)
    except _Twice as error:
        raise WeightsError(f"{path}: names {error} twice") from error
    except (ValueError, RecursionError) as error:  # JSON and UTF-8 errors are ValueErrors
        raise WeightsError(f"{path}: is not valid JSON ({error})") from error
    if not isinstance(value, dict):
        raise WeightsError(f"{path}: holds a JSON {type(value).__name__}, where an object is needed")
    return value


class _Twice(Exception):
    pass


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Twice(key)
        found[key] = value
    return found


def safetensors_header(tensors: dict[str, Tensor], metadata: dict[str, str]) -> tuple[bytes, dict[str, int]]:
    """The beginning of a safetensors file, up to the numbers, and each tensor's first byte in the file.

    The tensors lie one after the other, those of wide dtypes first, so that each is aligned.
    """
    header: dict[str, Any] = {"__metadata__": metadata}
    names, end = {dtype: name for name, dtype in DTYPES.items()}, 0
    for name, tensor in sorted(tensors.items(), key=lambda item: (-item[1].itemsize, item[0])):
        begin, end = end, end + tensor.nbytes
        header[name] = {"dtype": names[tensor.dtype], "shape": [*tensor.shape], "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    base = 8 + len(text)
    starts = {name: base + about["data_offsets"][0] for name, about in header.items() if name in tensors}
    return struct.pack("<Q", len(text)) + text, starts


# safetensors: 8 bytes that say how long the header is, the header (JSON), then the numbers without a gap


def _safetensors(path: Path) -> TensorFile:
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            raise WeightsError(f"{path}: has {size} bytes; not a whole safetensors file")
        (length,) = struct.unpack("<Q", start)
        if not 2 <= length <= min(size - 8, HEADER_LIMIT):
            raise WeightsError(
                f"{path}: not a whole safetensors file: its header should have {length} bytes, "
                f"and the file has {size} in all"
            )
        raw = file.read(length)
    try:
        header = read_json(path, raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise WeightsError(f"{path}: not a safetensors file: its header is not UTF-8") from error
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise WeightsError(f"{path}: __metadata__ must map names to strings")
    entries = sorted((_entry(path, name, about) for name, about in header.items()), key=lambda e: e[1:3])
    here = 0
    for name, begin, end, _, _ in entries:
        if begin != here:
            fault = "overlaps the tensor before it" if begin < here else "leaves a gap before it"
            raise WeightsError(f"{path}: {name} {fault}: it starts at byte {begin}, expected {here}")
        here = end
    if here != size - 8 - length:
        raise WeightsError(
            f"{path}: not a whole safetensors file: its tensors need {here} bytes, "
            f"and {size - 8 - length} are there"
        )
    base = 8 + length
    tensors = {
        name: Stored(path, shape, dtype, _Reader(path, base + begin))
        for name, begin, _, shape, dtype in entries
    }
    return TensorFile(path, tensors, metadata)


def _entry(path: Path, name: str, about: Any) -> tuple[str, int, int, tuple[int, ...], torch.dtype]:
    """(name, first byte, byte after the last, shape, dtype) of a tensor in a header."""
    if not isinstance(about, dict) or set(about) != {"dtype", "shape", "data_offsets"}:
        raise WeightsError(f"{path}: {name} must be described by dtype, shape and data_offsets")
    dtype, shape, offsets = about["dtype"], about["shape"], about["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise WeightsError(f"{path}: {name} has dtype {dtype}; flythrough reads {', '.join(DTYPES)}")
    if not _counts(shape):
        raise WeightsError(f"{path}: {name} has shape {shape}, which is none")
    if not _counts(offsets) or len(offsets) != 2:
        raise WeightsError(f"{path}: {name} has data_offsets {offsets}; two byte counts are needed")
    begin, end = offsets
    needed = math.prod(shape) * DTYPES[dtype].itemsize
    if end - begin != needed:
        raise WeightsError(f"{path}: {name} has {end - begin} bytes, but {dtype} {shape} needs {needed}")
    return name, begin, end, tuple(shape), DTYPES[dtype]


def _counts(value: Any) -> bool:
    return isinstance(value, list) and all(type(number) is int and 0 <= number < 2**63 for number in value)


@dataclass(frozen=True)
class _Reader:
    """Reads bytes straight into the tensor's memory.

    A map of the file would count twice once it is copied, and a file cut short meanwhile would end the process.
    """

    path: Path
    start: int

    def __call__(self, begin: int, memory: Tensor) -> None:
        rest = memory.numpy().data
        with self.path.open("rb", buffering=0) as file:
            file.seek(self.start + begin)
            while len(rest):
                count = file.readinto(rest)  # the system may give less than was asked for
                if not count:
                    raise WeightsError(f"{self.path}: ended while it was read; it has changed meanwhile")
                rest = rest[count:]


# .pt: a zip archive with a pickle that says what the tensors are, and one stored entry for each one's numbers


def _pickled(path: Path) -> TensorFile:
    _check_zip(path)
    try:  # mapped: only what is read later comes from the disk, so optimiser states cost nothing
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path}: holds objects or code beside tensors; none of it has been run"
        ) from error
    except Exception as error:  # a pickle from elsewhere can make torch fail in any way
        raise WeightsError(f"{path}: not a whole torch file ({_first_line(error)})") from error
    for level in ("generator", "state_dict"):  # SANA-WM's streaming release keeps the model under `generator`
        if isinstance(content, dict) and isinstance(content.get(level), dict):
            content = content[level]
    if not isinstance(content, dict) or not content:
        raise WeightsError(f"{path}: holds no table of tensors, nor one under `generator`")
    tensors = {}
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor) or value.layout is not torch.strided:
            raise WeightsError(f"{path}: {name} is a {type(value).__name__}, where a dense tensor is needed")
        if value.device.type != "cpu" or value.is_quantized:
            raise WeightsError(f"{path}: {name} is quantised or on another device; plain numbers are needed")
        plain = value.detach()
        tensors[name] = Stored(path, tuple(plain.shape), plain.dtype, _Copier(plain))
    return TensorFile(path, tensors, {})


def _check_zip(path: Path) -> None:
    """Raise WeightsError unless this is a zip archive whose entries are stored as they are.

    Then what unpacking takes is no more than the file has.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            packed = [e.filename for e in archive.infolist() if e.compress_type != zipfile.ZIP_STORED]
    except (zipfile.BadZipFile, ValueError, RuntimeError, EOFError, struct.error) as error:
        raise WeightsError(
            f"{path}: not a whole torch file ({_first_line(error)}); torch.save of version 1.6 or later writes one"
        ) from error
    if packed:
        raise WeightsError(f"{path}: {packed[0]} is compressed; torch does not write that")


@dataclass(frozen=True)
class _Copier:
    mapped: Tensor

    def __call__(self, begin: int, memory: Tensor) -> None:
        memory.copy_(as_bytes(self.mapped.contiguous())[begin : begin + len(memory)])


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
