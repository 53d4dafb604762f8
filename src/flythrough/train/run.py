"""From a recipe to weights on disk: what `flythrough train` calls."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch

from flythrough import parameters
from flythrough.errors import InputError
from flythrough.train.loop import Progress, RunConfig, train
from flythrough.train.vae_stage import VAEStage, VAEStageConfig
from flythrough.vae.mini import Block, MiniVAE, MiniVAEConfig


if TYPE_CHECKING:
    from flythrough.model.config import ModelConfig
    from flythrough.train.world_stage import WorldStageConfig


@dataclass(frozen=True, kw_only=True)
class VAERecipe:
    """A complete run of `train vae`."""

    vae: MiniVAEConfig
    stage: VAEStageConfig
    steps: int
    muon_lr: float
    adam_lr: float


@dataclass(frozen=True, kw_only=True)
class WorldRecipe:
    """A complete run of `train world`."""

    model: ModelConfig
    stage: WorldStageConfig
    steps: int
    muon_lr: float
    adam_lr: float


Recipe = TypeVar("Recipe", VAERecipe, WorldRecipe)


def load_recipe(path: Path, kind: type[Recipe]) -> Recipe:
    """Run a recipe file and take its `recipe`; raises InputError when there is none of this kind."""
    if not path.is_file():
        raise InputError(f"{path}: no such recipe; those that made mini are in recipes/")
    recipe = runpy.run_path(str(path)).get("recipe")
    if not isinstance(recipe, kind):
        raise InputError(f"{path}: must define `recipe`, a {kind.__name__}")
    return recipe


def train_vae(
    recipe: VAERecipe,
    folder: Path,
    device: torch.device,
    *,
    minutes: float | None = None,
    start: Path | None = None,
    compile_blocks: bool = False,
) -> Iterator[Progress]:
    """Train an autoencoder; writes folder/vae.safetensors at the end. start: weights to begin with."""
    vae = MiniVAE(recipe.vae).to(memory_format=torch.channels_last)
    if start is not None:
        parameters.load(vae, start)
    stage = VAEStage(vae, recipe.stage, device)
    if compile_blocks:
        _compile(vae, Block)
    yield from train(stage, _run_config(recipe, folder, minutes))
    stage.standardise()
    scores = stage.validate()
    yield Progress(recipe.steps, 1.0, scores)
    parameters.save(
        vae,
        folder / "vae.safetensors",
        {name: f"{value:.4f}" for name, value in scores.items()},
        torch.float16,
    )


def train_world(
    recipe: WorldRecipe,
    vae_weights: Path,
    folder: Path,
    device: torch.device,
    *,
    minutes: float | None = None,
    start: Path | None = None,
    text_folder: Path | None = None,
    compile_blocks: bool = False,
) -> Iterator[Progress]:
    """Train a world transformer; writes folder/model.safetensors at the end. start: weights to begin with."""
    from flythrough.model.transformer import SanaWM
    from flythrough.text.mini import MiniText
    from flythrough.train.world_stage import WorldStage

    vae = MiniVAE().to(device).to(memory_format=torch.channels_last).eval().requires_grad_(False)
    parameters.load(vae, vae_weights)
    model = SanaWM(recipe.model)
    if start is not None:
        parameters.load(model, start)
    stage = WorldStage(model, vae, MiniText(folder=text_folder, device=device), recipe.stage, device)
    if compile_blocks:
        _compile(vae, Block)
    yield from train(stage, _run_config(recipe, folder, minutes))
    scores = stage.validate()
    yield Progress(recipe.steps, 1.0, scores)
    parameters.save(
        model,
        folder / "model.safetensors",
        {name: f"{value:.4f}" for name, value in scores.items()},
        torch.float16,
    )


def _run_config(recipe: VAERecipe | WorldRecipe, folder: Path, minutes: float | None) -> RunConfig:
    return RunConfig(
        folder=folder, steps=recipe.steps, minutes=minutes, muon_lr=recipe.muon_lr, adam_lr=recipe.adam_lr
    )


def _compile(model: torch.nn.Module, kind: type[torch.nn.Module]) -> None:
    """Compile each block by itself: seconds a width instead of a minute for the whole."""
    for module in model.modules():
        if isinstance(module, kind):
            module.compile()
