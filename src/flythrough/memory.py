"""How much memory the models take: their weights, counted, and what a flight needs beside them, measured."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import nn

from flythrough.model.transformer import SanaWM
from flythrough.presets import PRESETS
from flythrough.refiner.transformer import LTX2Refiner
from flythrough.vae.ltx2 import LTX2VAE
from flythrough.vae.ltx2_config import LTX2VAEConfig
from flythrough.vae.mini import MiniVAE

GIB = 2**30
GEMMA_2, GEMMA_3, CONNECTORS = (
    2.61e9,
    11.77e9,
    1.08e9,
)  # parameters of the text side; it goes when it has read


@dataclass(frozen=True)
class Stage:
    """A model's part while it works. parameters: a number of them; working: bytes beside the weights of a minute."""

    name: str
    parameters: float
    working: float

    def bytes(self, dtype: torch.dtype) -> float:
        return self.parameters * dtype.itemsize + self.working


@cache
def stages(name: str) -> tuple[Stage, ...]:
    """The stages of a named model, in order. Text encoders come first and are gone when the others work."""
    plan = PRESETS[name]
    with torch.device("meta"):
        world = _count(SanaWM(plan.model))
        if not isinstance(plan.vae, LTX2VAEConfig):
            return (Stage("all of it", world + _count(MiniVAE(plan.vae)), 0.5 * GIB),)
        vae = _count(LTX2VAE(plan.vae))
        refiner = _count(LTX2Refiner(plan.refining.model)) if plan.refining else 0
    stream = plan.sampling.order == "stream"
    return (
        Stage("text", GEMMA_2, 0.5 * GIB),
        Stage("refiner's text", GEMMA_3 + CONNECTORS, 1.0 * GIB),
        Stage("transformer", world, (3 if stream else 2 * 20) * GIB),
        Stage("refiner", refiner, (11 if stream else 20) * GIB),
        Stage("autoencoder", vae, (7 if stream else 14) * GIB),
    )


def needed(name: str, dtype: torch.dtype, *, refine: bool = True) -> float:
    """Bytes at the peak of a minute's flight: all weights stay, and the stage that works needs most beside them.

    A text encoder is a guest: it is loaded to read the prompt, and gone when the others work.
    """
    chosen = [stage for stage in stages(name) if refine or "refiner" not in stage.name]
    guests = [stage.bytes(dtype) for stage in chosen if "text" in stage.name]
    residents = [stage for stage in chosen if "text" not in stage.name]
    weights = sum(stage.parameters for stage in residents) * dtype.itemsize
    return weights + max(*guests, *(stage.working for stage in residents), 0.0)


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
