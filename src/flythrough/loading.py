"""The official models, part by part: from files on the disk to modules on a device."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from flythrough import hub, parameters
from flythrough.errors import InputError
from flythrough.layouts import identify, load_transformer, open_part
from flythrough.model.transformer import SanaWM
from flythrough.presets import PRESETS, Preset
from flythrough.refiner.config import RefinerConfig
from flythrough.refiner.transformer import LTX2Refiner, unused
from flythrough.text.base import Reader
from flythrough.vae.ltx2 import LTX2VAE
from flythrough.vae.ltx2_config import LTX2VAEConfig
from flythrough.words import GemmaReader

# where parts lie in a folder: NVIDIA's repositories and bundles, then a diffusers pipeline
PLACES = {
    "transformer": ("dit", "sana_dit/model.pt", "transformer"),
    "vae": ("vae", "ltx2_causal_vae"),
    "text": ("gemma-2-2b-it", "text_encoder"),
    "tokenizer": ("tokenizer",),
    "refiner": ("refiner/transformer", "refiner_diffusers/transformer"),
    "connectors": ("refiner/connectors", "refiner_diffusers/connectors"),
    "refiner-text": ("refiner/text_encoder", "gemma3_12b"),
}
NEEDED = ("transformer", "vae", "text")


@dataclass(frozen=True)
class Loaded:
    """A model's parts on their device. The text encoders load when a prompt is read, and go again."""

    preset: Preset
    model: SanaWM
    vae: LTX2VAE
    refiner: LTX2Refiner | None
    read: Reader


def parts_in(folder: Path) -> tuple[str, dict[str, Path]]:
    """The model that a folder holds, and where its parts are; a text encoder that was pulled serves any folder.

    Raises InputError when the transformer, the autoencoder or the text encoder is missing.
    """
    found = {
        part: folder / place
        for part, places in PLACES.items()
        for place in places
        if (folder / place).exists()
    }
    if "text" not in found:
        found |= {part: path for part, path in _pulled("sana-wm").items() if part == "text"}
    for part in NEEDED:
        if part not in found:
            raise InputError(f"{folder}: has no {part}; looked for {', '.join(PLACES[part])}")
    if found["transformer"].name == "dit":
        files = sorted(found["transformer"].glob("*.safetensors"))
        if len(files) != 1:
            raise InputError(f"{folder / 'dit'}: has {len(files)} safetensors files; it must have one")
        found["transformer"] = files[0]
    return identify(found["transformer"]).model or "sana-wm", found


def load(
    name: str, parts: dict[str, Path], device: torch.device, dtype: torch.dtype, *, refine: bool = True
) -> Loaded:
    """Load an official model's parts, each checked whole before the device is touched, tensor by tensor.

    parts   part -> file or folder, of hub.parts or parts_in; without a refiner the first stage is all there is
    refine  False leaves the refiner out
    Raises WeightsError, which names the file and the tensor, when one is damaged or of another model.
    """
    plan = PRESETS[name]
    config = LTX2VAEConfig.from_json(parts["vae"] / "config.json")
    checkpoint = open_part(parts["vae"], "LTX-2 autoencoder")
    with torch.device("meta"):
        vae = LTX2VAE(config)
    refiner = None
    if refine and "refiner" in parts and plan.refining is not None:
        shape = RefinerConfig.from_json(parts["refiner"] / "config.json")
        second = open_part(parts["refiner"], "refiner")
        with torch.device("meta"):
            refiner = LTX2Refiner(shape)
        parameters.fill(refiner, second, device=device, dtype=dtype, unused=unused)
        plan = replace(plan, refining=replace(plan.refining, model=shape))
    model = load_transformer(parts["transformer"], plan.model, device=device, dtype=dtype)
    parameters.fill(vae, checkpoint, device=device, dtype=dtype)
    vae.to(memory_format=torch.channels_last_3d)  # pyrefly: ignore[no-matching-overload]
    plan = replace(plan, vae=config)
    read = GemmaReader(parts, plan, device, dtype, refine=refiner is not None)
    return Loaded(plan, _settled(model), _settled(vae), None if refiner is None else _settled(refiner), read)


def _settled(module: nn.Module) -> Any:
    return module.eval().requires_grad_(False)


def _pulled(name: str) -> dict[str, Path]:
    try:
        return hub.parts(name)
    except InputError:
        return {}
