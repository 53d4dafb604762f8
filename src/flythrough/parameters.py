"""Strict loading and saving of a module's tensors as safetensors."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from flythrough.errors import WeightsError


def save(
    module: nn.Module, path: Path, metadata: dict[str, str] | None = None, dtype: torch.dtype | None = None
) -> None:
    """Write all tensors of a module, floating ones as `dtype` if given; whole or not at all."""
    tensors = {
        name: (
            tensor.detach().to("cpu", dtype)
            if dtype and tensor.is_floating_point()
            else tensor.detach().cpu()
        )
        for name, tensor in module.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata)
    os.replace(temporary, path)


def load(module: nn.Module, path: Path) -> dict[str, str]:
    """Fill every tensor of a module from a file, in the module's own dtype, and return the file's metadata.

    Raises WeightsError, which names the tensor, when the file is missing, truncated, foreign, or does not
    hold exactly the tensors of this module; the module is unchanged then.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file")
    wanted = module.state_dict()
    try:
        with safe_open(path, framework="pt") as file:
            names = set(file.keys())
            for name in sorted(names ^ set(wanted)):
                fault = "has no tensor" if name in wanted else "has a tensor that this model does not know:"
                raise WeightsError(f"{path}: {fault} {name}; is it of another model?")
            for name, tensor in wanted.items():
                shape = tuple(file.get_slice(name).get_shape())
                if shape != tuple(tensor.shape):
                    raise WeightsError(
                        f"{path}: {name} has shape {shape}, this model needs {tuple(tensor.shape)}"
                    )
            loaded = {name: file.get_tensor(name) for name in names}
            metadata = dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: not a whole safetensors file ({error})") from error
    for name, tensor in loaded.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor.float().sum())):
            raise WeightsError(f"{path}: {name} holds values that are not finite")
    module.load_state_dict({name: tensor.to(wanted[name].dtype) for name, tensor in loaded.items()})
    return metadata
