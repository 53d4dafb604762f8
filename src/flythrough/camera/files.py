"""Paths on disk: .json (ours, exact), .npz (exact), .npy (poses alone). Written whole or not at all."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from flythrough.errors import InputError

FORMAT = "flythrough.camera"
DRIVE = "flythrough.drive"  # keys over time instead of poses
VERSION = 1
SUFFIXES = (".json", ".npz", ".npy")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object: a stored path (key "c2w"), keyframes (key "keyframes") or a recorded drive (its format)."""
    try:
        data = json.loads(_bytes(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path.name}: it is not valid JSON ({error})") from None
    if not isinstance(data, dict) or not (
        "c2w" in data or "keyframes" in data or data.get("format") == DRIVE
    ):
        raise InputError(
            f'{path.name}: expected a JSON object with "c2w" (poses), "keyframes" or "format": "{DRIVE}"'
        )
    if data.get("version", VERSION) != VERSION:
        raise InputError(f"{path.name}: its version is {data['version']}, this release reads {VERSION}")
    return data


def read_array(path: Path) -> Tensor:
    """Read a numeric .npy as float64."""
    found = _load_numpy(path)
    if len(found) != 1:
        raise InputError(f"{path.name}: it holds {len(found)} arrays; a .npy has one, rename it to .npz")
    return found.popitem()[1]


def read_npz(path: Path) -> dict[str, Tensor]:
    """Read an .npz with c2w and, if present, intrinsics, height, width and fps."""
    found = _load_numpy(path)
    if "c2w" not in found:
        raise InputError(
            f"{path.name}: it holds {', '.join(found) or 'nothing'}; expected an array named c2w"
        )
    return found


def write(path: Path, c2w: Tensor, intrinsics: Tensor, height: int, width: int, fps: float) -> None:
    """Write poses to a .json, .npz or .npy under a temporary name, then rename."""
    if path.suffix not in SUFFIXES:
        raise InputError(
            f"{path}: a camera path is saved as {', '.join(SUFFIXES)}, not {path.suffix or 'this'}"
        )
    part = path.with_name(f".{path.name}.part{path.suffix}")
    try:
        if path.suffix == ".json":
            part.write_text(_json(c2w, intrinsics, height, width, fps))
        elif path.suffix == ".npz":
            np.savez(
                part, c2w=c2w.numpy(), intrinsics=intrinsics.numpy(), height=height, width=width, fps=fps
            )
        else:
            np.save(part, c2w.numpy())
        os.replace(part, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file under a temporary name, then rename."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None
    finally:
        part.unlink(missing_ok=True)


def read_any(values: Any) -> Tensor:
    """A .npy file's name, or an array as it is."""
    if isinstance(values, (str, Path)):
        check_exists(Path(values))
        return read_array(Path(values))
    return as_tensor(values, "intrinsics")


def names_file(text: str) -> bool:
    """Whether a camera's text would be read as a file's name."""
    return Path(text.strip()).suffix.lower() in SUFFIXES


def check_exists(path: Path) -> None:
    """Raise InputError for a file that is not there, naming those that are."""
    if path.is_file():
        return
    if path.is_dir():
        raise InputError(f"{path}: it is a folder, not a camera path")
    folder = path.parent
    others = sorted(p.name for p in folder.iterdir() if p.suffix in SUFFIXES) if folder.is_dir() else []
    there = f"there are {', '.join(others[:8])}" if others else "the folder has none"
    raise InputError(f"{path}: there is no such file; of camera paths {there}")


def numbers(given: dict[str, Any], source: str) -> tuple[int, int, float]:
    """Height, width and fps, checked."""
    for name in ("height", "width", "fps"):
        try:
            value = float(given[name])
        except (TypeError, ValueError, RuntimeError):
            value = 0.0
        if not (0 < value < 1e6) or (name != "fps" and value != int(value)):
            raise InputError(f"{source}: {name} is {given[name]}; expected a positive number")
    return int(given["height"]), int(given["width"]), float(given["fps"])


def as_tensor(values: Any, source: str) -> Tensor:
    """Anything array-like -> float64 on the CPU, or InputError."""
    if isinstance(values, Tensor):
        return values.detach().to("cpu", torch.float64)
    try:
        array = np.array(values)
        if array.dtype.kind not in "fiub":
            raise TypeError
        return torch.from_numpy(array.astype(np.float64))
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{source}: it does not hold one rectangular array of numbers") from None


def _json(c2w: Tensor, intrinsics: Tensor, height: int, width: int, fps: float) -> str:
    """One pose a line. Python prints the shortest decimal that reads back to the same float64."""
    head = {"format": FORMAT, "version": VERSION, "height": height, "width": width, "fps": fps}
    fields = [f'  "{key}": {json.dumps(value)}' for key, value in head.items()]
    fields.append('  "axes": "opencv, camera to world, metres"')
    for key, rows in (("intrinsics", intrinsics), ("c2w", c2w)):
        fields.append(
            f'  "{key}": [\n' + ",\n".join(f"    {json.dumps(row)}" for row in rows.tolist()) + "\n  ]"
        )
    return "{\n" + ",\n".join(fields) + "\n}\n"


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


def _load_numpy(path: Path) -> dict[str, Tensor]:
    """The arrays of an .npz, or of an .npy under the name "array"; never runs what a file may hold."""
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            found = {"array": loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    except (OSError, ValueError, TypeError, EOFError, BadZipFile, zlib.error) as error:
        raise InputError(f"{path.name}: it is not a readable {path.suffix} file ({error})") from None
    return {name: as_tensor(values, path.name) for name, values in found.items()}
