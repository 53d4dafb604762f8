"""Published weights as they lie on the disk: one file, shards with an index, or a folder with a config."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import torch
from torch import Tensor

from flythrough.errors import WeightsError
from flythrough.tensorfiles import PICKLED, Stored, check_file, read_file, read_json

INDEX = ".index.json"


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name. Their headers have been read and checked; numbers are read one tensor at a time.

    path      the file, the shards' index or the folder that was asked for
    metadata  strings that a safetensors file carries
    config    config.json of a folder; empty elsewhere
    """

    path: Path
    tensors: dict[str, Stored]
    metadata: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __contains__(self, name: object) -> bool:
        return name in self.tensors

    def __len__(self) -> int:
        return len(self.tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        return self.tensors[name].shape

    def dtype(self, name: str) -> torch.dtype:
        return self.tensors[name].dtype

    def tensor(self, name: str) -> Tensor:
        """Read one tensor, on the CPU; raises WeightsError if it holds NaN or infinity."""
        stored = self.tensors[name]
        try:
            tensor = stored.read()
        except OSError as error:
            raise WeightsError(f"{stored.file}: cannot be read ({error.strerror or error})") from error
        if not _finite(tensor):
            raise WeightsError(f"{stored.file}: {name} holds values that are not finite")
        return tensor

    def renamed(self, rename: Callable[[str], str | None]) -> Checkpoint:
        """The same tensors under other names; those that become None are left out."""
        tensors: dict[str, Stored] = {}
        for old, stored in self.tensors.items():
            new = rename(old)
            if new in tensors:
                raise WeightsError(f"{stored.file}: has {new} under two names, one of them {old}")
            if new is not None:
                tensors[new] = stored
        return replace(self, tensors=tensors)


def open_checkpoint(path: Path) -> Checkpoint:
    """Open weights: a .safetensors or .pt file, a *.safetensors.index.json, or a folder with one of these.

    A leading `model.` of all names is taken off. Nothing is executed and no numbers are read.
    Raises WeightsError, one sentence that names the file and the fault.
    """
    if path.is_dir():
        checkpoint = _folder(path)
    elif path.name.endswith(INDEX):
        checkpoint = _shards(path)
    else:
        one = read_file(path)
        checkpoint = Checkpoint(path, one.tensors, one.metadata)
    if checkpoint.tensors and all(name.startswith("model.") for name in checkpoint):
        return checkpoint.renamed(lambda name: name.removeprefix("model."))
    return checkpoint


def _folder(folder: Path) -> Checkpoint:
    config = read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
    return replace(_only(folder), path=folder, config=config)


def _only(folder: Path) -> Checkpoint:
    indices = sorted(folder.glob(f"*.safetensors{INDEX}"))
    if len(indices) == 1:
        return _shards(indices[0])
    files = sorted(file for file in folder.iterdir() if file.suffix in (".safetensors", *PICKLED))
    if not indices and len(files) == 1:
        one = read_file(files[0])
        return Checkpoint(folder, one.tensors, one.metadata)
    names = [file.name for file in indices or files]
    fault = f"has {', '.join(names[:4])}; which one is meant?" if names else "has no weights in it"
    raise WeightsError(f"{folder}: the folder {fault}")


def _shards(index: Path) -> Checkpoint:
    """The shards of an index, which must agree with it to the last name."""
    check_file(index)
    table = read_json(index).get("weight_map")
    if not isinstance(table, dict) or not table:
        raise WeightsError(f"{index}: has no weight_map from tensors to files")
    for name, shard in table.items():
        if not _plain(shard):
            raise WeightsError(
                f"{index}: {name} should be in {shard!r}, which is not a file beside the index"
            )
    tensors: dict[str, Stored] = {}
    metadata: dict[str, str] = {}
    for shard in sorted(set(table.values())):
        one = read_file(index.parent / shard)
        for name, stored in one.tensors.items():
            if name in tensors:
                raise WeightsError(f"{stored.file}: {name} is in {tensors[name].file.name} too")
            tensors[name] = stored
        metadata |= one.metadata
    for name in sorted(table.keys() ^ tensors.keys()):
        if name in table:
            raise WeightsError(f"{index}: {name} should be in {table[name]}, and is not there")
        raise WeightsError(f"{tensors[name].file}: has a tensor that the index does not know: {name}")
    for name, shard in table.items():
        if tensors[name].file.name != shard:
            raise WeightsError(f"{index}: {name} should be in {shard}, but is in {tensors[name].file.name}")
    return Checkpoint(index, tensors, metadata)


def _plain(shard: Any) -> bool:
    """Whether this is the bare name of a safetensors file, on any system."""
    if not isinstance(shard, str) or not shard.endswith(".safetensors") or "\0" in shard:
        return False
    return PurePosixPath(shard).name == shard == PureWindowsPath(shard).name


def _finite(tensor: Tensor) -> bool:
    """Without a copy: NaN passes through min and max, and infinity is one of them."""
    if not tensor.is_floating_point() or not tensor.numel():
        return True
    low, high = torch.aminmax(tensor)
    return bool(torch.isfinite(low) & torch.isfinite(high))
