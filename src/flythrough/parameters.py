"""Strict loading and saving of a module's tensors."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from flythrough.checkpoints import Checkpoint, open_checkpoint
from flythrough.errors import WeightsError

FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


def save(
    module: nn.Module, path: Path, metadata: dict[str, str] | None = None, dtype: torch.dtype | None = None
) -> None:
    """Write all tensors of a module, floating ones as `dtype` if given; whole or not at all."""
    write(module.state_dict(), path, metadata, dtype)


def load(module: nn.Module, path: Path) -> dict[str, str]:
    """Fill every tensor of a module from a file, in the module's own dtype, and return the file's metadata.

    Raises WeightsError, which names the tensor, when the file is missing, truncated, foreign, or does not
    hold exactly the tensors of this module; the module is unchanged then.
    """
    checkpoint = open_checkpoint(path)
    fill(module, checkpoint)
    return checkpoint.metadata


def load_mean(module: nn.Module, shares: dict[Path, float]) -> None:
    """Fill every tensor of a module with the weighted mean of several files' tensors; the shares sum to 1.

    Fine-tunings of one model lie close together, and their mean is often better than each of them.
    Source: model soups, arXiv 2203.05482. Raises WeightsError as `load` does, for any of the files.
    """
    mean = {name: torch.zeros_like(tensor) for name, tensor in module.state_dict().items()}
    for path, share in shares.items():
        load(module, path)
        for name, tensor in module.state_dict().items():
            mean[name] += share * tensor
    module.load_state_dict(mean)


def fill(
    module: nn.Module,
    checkpoint: Checkpoint,
    *,
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
    unused: Callable[[str], bool] | None = None,
) -> None:
    """Fill every tensor of a module from a checkpoint that holds exactly these, one tensor at a time.

    module  best built on the meta device: then its tensors come into being here, on `device` (the CPU by
            default), and no number is held twice. A module with memory of its own keeps it and its device.
    dtype   for floating tensors; by default the module's own
    unused  which other names may be in the checkpoint; they are not read
    All names, shapes and dtypes are compared before anything is allocated. Raises WeightsError, which names
    the first tensor that is missing, foreign, of another shape or kind, or not finite; the module is unchanged
    then.
    """
    wanted = module.state_dict()
    names = _compare(wanted, checkpoint, unused)
    meta = {name for name, tensor in _named(module) if tensor.is_meta}
    assert meta <= wanted.keys(), f"{sorted(meta - wanted.keys())} would stay on the meta device"
    if not meta:
        for name in names:  # read twice rather than keep a second copy until all have been checked
            checkpoint.tensor(name)
        with torch.no_grad():
            for name in names:
                wanted[name].copy_(checkpoint.tensor(name))
        return
    filled = {}
    for name in names:
        kind = dtype if dtype and wanted[name].is_floating_point() else wanted[name].dtype
        filled[name] = checkpoint.tensor(name).to(device or "cpu", kind)
    module.load_state_dict(filled, assign=True)


def write(
    tensors: dict[str, Tensor],
    path: Path,
    metadata: dict[str, str] | None = None,
    dtype: torch.dtype | None = None,
) -> None:
    """Write tensors as safetensors under a temporary name, then rename; floating ones as `dtype` if given."""
    kinds = {name: dtype if dtype and t.is_floating_point() else t.dtype for name, t in tensors.items()}
    ready = {name: t.detach().to("cpu", kinds[name]).contiguous() for name, t in tensors.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    try:
        save_file(ready, temporary, metadata)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _compare(
    wanted: dict[str, Tensor], checkpoint: Checkpoint, unused: Callable[[str], bool] | None
) -> list[str]:
    """The names to read, in the order in which they lie in the files; raises WeightsError unless all fit."""
    names = [name for name in checkpoint if name in wanted or not (unused and unused(name))]
    for name in sorted(set(names) ^ wanted.keys()):
        fault = "has no tensor" if name in wanted else "has a tensor that this model does not know:"
        raise WeightsError(f"{checkpoint.path}: {fault} {name}; is it of another model?")
    for name in names:
        shape, needed = checkpoint.shape(name), tuple(wanted[name].shape)
        if shape != needed:
            raise WeightsError(f"{checkpoint.path}: {name} has shape {shape}, this model needs {needed}")
        kind, own = checkpoint.dtype(name), wanted[name].dtype
        if kind not in FLOATS if own.is_floating_point else kind != own:
            needed = "a floating dtype" if own.is_floating_point else str(own)
            raise WeightsError(f"{checkpoint.path}: {name} is {kind}, this model needs {needed}")
    return names


def _named(module: nn.Module) -> list[tuple[str, Tensor]]:
    return [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
