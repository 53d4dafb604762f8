"""SANA-WM's weights as others publish them: their names, what a file is of, and writing them for others.

Source: the tables of NVlabs/Sana's releases and of diffusers' SanaWMTransformer3DModel.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from flythrough import parameters
from flythrough.checkpoints import Checkpoint, open_checkpoint
from flythrough.errors import WeightsError
from flythrough.model.config import ModelConfig
from flythrough.model.transformer import SanaWM
from flythrough.presets import PRESETS
from flythrough.tensorfiles import PICKLED

DIFFUSERS_CLASS = "SanaWMTransformer3DModel"
DIFFUSERS_WEIGHTS = "diffusion_pytorch_model.safetensors"
DIFFUSERS_NAMES = {"t_embedder.linear_1.": "t_embedder.mlp.0.", "t_embedder.linear_2.": "t_embedder.mlp.2."}
UNUSED = ("pos_embed", "y_embedder.y_embedding")  # zeros that the first releases carry
UNUSED_GATE = ".attn.recall_gate"  # a buffer of every block, read by nobody

# what a file is of, by a tensor that only it has
SIGNS = {
    "x_embedder.proj.weight": "transformer",
    "t_embedder.mlp.0.weight": "transformer",
    "decoder.conv_in.conv.weight": "LTX-2 autoencoder",
    "encoder.stem.weight": "mini's autoencoder",
    "video_connector.learnable_registers": "connectors",
    "transformer_blocks.0.attn1.to_q.weight": "refiner",
    "embed_tokens.weight": "text encoder",
    "language_model.model.embed_tokens.weight": "text encoder",
    "model.embed_tokens.weight": "text encoder",
}


@dataclass(frozen=True)
class Identity:
    """What weights are of: a part (the values of SIGNS) and, for a transformer, the name of its model."""

    part: str
    model: str | None = None


def identify(path: Path, model: str | None = None) -> Identity:
    """Say what a file or folder holds, by names, shapes and, where models share these, by its place.

    model  what the caller takes a transformer for. SANA-WM's releases have one set of tensors, so this decides
           between them; without it the release's file names do.
    Raises WeightsError if it is none that flythrough knows, or a transformer of another size than `model`.
    """
    checkpoint = open_checkpoint(path)
    part = _part(checkpoint)
    if part != "transformer":
        return Identity(part)
    checkpoint = checkpoint.renamed(our_name)
    fitting = [name for name in PRESETS if _fits(checkpoint, PRESETS[name].model)]
    if model is not None and model not in fitting:
        raise _misfit(checkpoint, [model])
    if not fitting:
        raise _misfit(checkpoint, list(PRESETS))
    return Identity(part, model or _release(path, fitting))


def open_part(path: Path, part: str) -> Checkpoint:
    """Open a checkpoint that must be of this part; a transformer's names come as ours.

    Raises WeightsError, which names the first tensor that gives another part away.
    """
    checkpoint = open_checkpoint(path)
    found = _part(checkpoint)
    if found != part:
        sign = next(name for name in checkpoint if SIGNS.get(name) == found)
        raise WeightsError(f"{path}: is of a {found}, where a {part} is needed: it has {sign}")
    return checkpoint.renamed(our_name) if part == "transformer" else checkpoint


def load_transformer(
    path: Path, config: ModelConfig, *, device: torch.device | None = None, dtype: torch.dtype | None = None
) -> SanaWM:
    """The transformer of any published layout, filled tensor by tensor; float32 by default. See parameters.fill."""
    checkpoint = open_part(path, "transformer")
    with torch.device("meta"):
        model = SanaWM(config)
    parameters.fill(model, checkpoint, device=device, dtype=dtype)
    return model


def our_name(name: str) -> str | None:
    """A published name as SanaWM's; None for tensors that nobody uses."""
    if name in UNUSED or name.endswith(UNUSED_GATE):
        return None
    for theirs, ours in DIFFUSERS_NAMES.items():
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return name


def nvlabs_tensors(model: SanaWM) -> dict[str, Tensor]:
    """All tensors of a release by its names: ours, and the buffer of every block that nobody reads."""
    gate = torch.zeros(1, dtype=next(model.parameters()).dtype)
    gates = {f"blocks.{number}{UNUSED_GATE}": gate.clone() for number in range(model.config.depth)}
    return model.state_dict() | gates


def diffusers_tensors(model: SanaWM) -> dict[str, Tensor]:
    """The same by the names of diffusers' SanaWMTransformer3DModel."""
    return {_diffusers_name(name): tensor for name, tensor in nvlabs_tensors(model).items()}


def save_nvlabs(model: SanaWM, path: Path) -> None:
    """Write one safetensors file as NVlabs/Sana publishes and loads it; whole or not at all."""
    parameters.write(nvlabs_tensors(model), path)


def save_diffusers(model: SanaWM, folder: Path, config: dict[str, Any] | None = None) -> None:
    """Write a folder that diffusers' SanaWMTransformer3DModel.from_pretrained takes.

    config  entries of config.json beyond, or instead of, those that follow from the model's shape
    """
    parameters.write(diffusers_tensors(model), folder / DIFFUSERS_WEIGHTS, {"format": "pt"})
    temporary = folder / "config.json.part"
    temporary.write_text(json.dumps(_diffusers_config(model.config) | (config or {}), indent=2) + "\n")
    os.replace(temporary, folder / "config.json")


def _diffusers_name(name: str) -> str:
    for theirs, ours in DIFFUSERS_NAMES.items():
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    return name


def _diffusers_config(config: ModelConfig) -> dict[str, Any]:
    return {
        "_class_name": DIFFUSERS_CLASS,
        "in_channels": config.latent_channels,
        "num_layers": config.depth,
        "hidden_size": config.width,
        "num_attention_heads": config.heads,
        "linear_head_dim": config.head_dim,
        "softmax_every_n": config.softmax_every,
        "mlp_ratio": config.mlp_ratio,
        "caption_channels": config.caption_channels,
        "chunk_plucker_channels": config.plucker_channels,
        "chunk_plucker_post_attn_blocks": config.depth,
    }


def _part(checkpoint: Checkpoint) -> str:
    for sign, part in SIGNS.items():
        if sign in checkpoint:
            return part
    first = next(iter(checkpoint), None)
    has = "no tensors" if first is None else f"{first}, which none of flythrough's models has"
    raise WeightsError(f"{checkpoint.path}: it has {has}")


def _fits(checkpoint: Checkpoint, config: ModelConfig) -> bool:
    last = f"blocks.{config.depth - 1}.scale_shift_table"
    beyond = f"blocks.{config.depth}.scale_shift_table"
    shape = (config.width, config.latent_channels, 1, 1, 1)
    embed = "x_embedder.proj.weight"
    return (
        embed in checkpoint
        and checkpoint.shape(embed) == shape
        and last in checkpoint
        and beyond not in checkpoint
    )


def _misfit(checkpoint: Checkpoint, models: list[str]) -> WeightsError:
    blocks = sum(name.startswith("blocks.") and name.endswith(".scale_shift_table") for name in checkpoint)
    embed = "x_embedder.proj.weight"
    shape = checkpoint.shape(embed) if embed in checkpoint else "missing"
    known = {PRESETS[name].model for name in models}
    needed = " or ".join(f"{(m.width, m.latent_channels, 1, 1, 1)} with {m.depth} blocks" for m in known)
    return WeightsError(
        f"{checkpoint.path}: {embed} is {shape} with {blocks} blocks; {' or '.join(models)} has {needed}"
    )


def _release(path: Path, fitting: list[str]) -> str:
    """Which of several models of one size, by the names that the releases use."""
    place = "/".join(path.parts[-3:])
    if "chunk_causal" in place:
        wanted = "sana-wm-chunk-causal"
    elif "streaming" in place or path.suffix in PICKLED:
        wanted = "sana-wm-streaming"
    else:
        wanted = "sana-wm"
    return wanted if wanted in fitting else fitting[0]
