"""From a recipe to weights on disk: what `flythrough train` calls."""

from __future__ import annotations

import os
import runpy
import shutil
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch

from flythrough import parameters
from flythrough.errors import InputError
from flythrough.train import parallel
from flythrough.train.loop import Progress, RunConfig, train
from flythrough.train.vae_stage import VAEStage, VAEStageConfig
from flythrough.vae.mini import MiniVAE, MiniVAEConfig

if TYPE_CHECKING:
    from flythrough.model.config import ModelConfig
    from flythrough.train.distill_stage import MatchConfig, OdeConfig, OwnConfig
    from flythrough.train.world_stage import WorldStageConfig


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long a stage trains, how fast, and how often it is saved and looked at."""

    steps: int
    muon_lr: float
    adam_lr: float
    ema_decay: float = 0.999
    save_minutes: float = 5.0
    sample_every: int = 2000


@dataclass(frozen=True, kw_only=True)
class VAERecipe(Pace):
    """A complete run of `train vae`."""

    vae: MiniVAEConfig
    stage: VAEStageConfig


@dataclass(frozen=True, kw_only=True)
class WorldRecipe(Pace):
    """A complete run of `train world`."""

    model: ModelConfig
    stage: WorldStageConfig


@dataclass(frozen=True, kw_only=True)
class Phase(Pace):
    """One stage of a distillation. Of the minutes of a run it gets its share; after `own` the result teaches."""

    name: str
    stage: OwnConfig | OdeConfig | MatchConfig
    share: float
    ema_decay: float = 0.995
    sample_every: int = 400


@dataclass(frozen=True, kw_only=True)
class DistillRecipe:
    """A complete run of `train distill`.

    teacher_sigmas  those of the run's first line of figures
    blend           the student is the mean of these results, by the name of a phase or `start`, with these shares;
                    without any, or while one is not there yet, it is that of the last phase
    """

    model: ModelConfig
    phases: tuple[Phase, ...]
    teacher_sigmas: tuple[float, ...]
    blend: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = ["start", *(phase.name for phase in self.phases)]
        for name in self.blend:
            if name not in known:
                raise InputError(f"blend has {name!r}; it must be one of {', '.join(known)}")
        if self.blend and abs(sum(self.blend.values()) - 1) > 1e-6:
            raise InputError(f"the shares of blend add up to {sum(self.blend.values()):g}; they must to 1")


Recipe = TypeVar("Recipe", VAERecipe, WorldRecipe, DistillRecipe)


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
) -> Generator[Progress, None, None]:
    """Train an autoencoder; writes folder/vae.safetensors at the end. start: weights to begin with."""
    device = parallel.connect(device)
    torch.backends.cudnn.benchmark, torch.backends.cudnn.benchmark_limit = True, 4  # all steps have one shape
    vae = _channels_last(MiniVAE(recipe.vae))
    if start is not None:
        parameters.load(vae, start)
    stage = VAEStage(vae, recipe.stage, device)
    if compile_blocks:
        stage.compile()
    yield from train(stage, _run_config(recipe, folder, minutes))
    if parallel.rank() == 0:
        stage.standardise()
        scores = stage.validate()
        yield Progress(recipe.steps, 1.0, scores)
        _save(vae, folder / "vae.safetensors", scores)
    parallel.disconnect()


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
) -> Generator[Progress, None, None]:
    """Train a world transformer; writes a model's folder at the end. start: weights to begin with."""
    from flythrough.model.transformer import SanaWM
    from flythrough.text.mini import MiniText
    from flythrough.train.world_stage import WorldStage

    device = parallel.connect(device)
    vae = _channels_last(MiniVAE()).to(device).eval().requires_grad_(False)
    parameters.load(vae, vae_weights)
    model = SanaWM(recipe.model)
    if start is not None:
        parameters.load(model, start)
    stage = WorldStage(model, vae, MiniText(folder=text_folder, device=device), recipe.stage, device)
    if compile_blocks:
        vae.encoder.compile(dynamic=False)  # flights of one length, encoded one by one
        stage.compile()
    yield from train(stage, _run_config(recipe, folder, minutes))
    if parallel.rank() == 0:
        scores = stage.validate()
        yield Progress(recipe.steps, 1.0, scores)
        _save(model, folder / "model.safetensors", scores)
        _keep_vae(vae_weights, folder)
    parallel.disconnect()


def train_distill(
    recipe: DistillRecipe,
    vae_weights: Path,
    start: Path,
    folder: Path,
    device: torch.device,
    *,
    minutes: float | None = None,
    phases: Sequence[str] | None = None,
    text_folder: Path | None = None,
    compile_blocks: bool = False,
) -> Generator[Progress, None, None]:
    """Make a student of few steps out of the weights in `start`; writes a model's folder at the end.

    Every phase has a folder of its own and begins where the one before ended. What is finished is not done again,
    so a run that was stopped goes on at its place; the phases still to do share the minutes. phases: do only these.
    The first line of figures is the teacher's.
    """
    from flythrough.model.transformer import SanaWM
    from flythrough.text.mini import MiniText
    from flythrough.train.distill_stage import OwnConfig, distill_stage

    results = {phase.name: folder / phase.name / "model.safetensors" for phase in recipe.phases}
    todo = [phase for phase in chosen_phases(recipe, phases) if not results[phase.name].is_file()]
    device = parallel.connect(device)
    vae = _channels_last(MiniVAE()).to(device).eval().requires_grad_(False)
    parameters.load(vae, vae_weights)
    text = MiniText(folder=text_folder, device=device)
    whole, done, weights, teacher = sum(phase.share for phase in todo), 0.0, start, start
    for phase in recipe.phases:
        result = results[phase.name]
        if phase in todo:
            student, guide = SanaWM(recipe.model), SanaWM(recipe.model)
            parameters.load(student, weights)
            parameters.load(guide, teacher)
            stage = distill_stage(phase.stage, student, vae, text, device, guide)
            if compile_blocks:
                stage.compile()
            if not done and parallel.rank() == 0:
                many = torch.tensor(recipe.teacher_sigmas, device=device)
                yield Progress(0, 0.0, stage.scores(stage.teacher, [many, *stage.schedules]))
            time = minutes and minutes * phase.share / whole
            with closing(train(stage, _run_config(phase, folder / phase.name, time))) as steps:
                for step in steps:
                    yield replace(step, share=(done + step.share * phase.share) / whole)
            done += phase.share
            if parallel.rank() == 0:
                scores = stage.validate()
                yield Progress(phase.steps, done / whole, scores)
                _save(student, result, scores)
            parallel.agree(0.0)  # nobody goes on before the weights are there
            del stage
        if result.is_file():
            weights = result
            teacher = result if isinstance(phase.stage, OwnConfig) else teacher
    if parallel.rank() == 0:
        student = SanaWM(recipe.model)
        metadata = parameters.load(student, weights)
        shares = {{"start": start, **results}[name]: share for name, share in recipe.blend.items()}
        if shares and all(path.is_file() for path in shares):
            parameters.load_mean(student, shares)
            metadata = {"mean of": ", ".join(f"{name} {share:g}" for name, share in recipe.blend.items())}
        parameters.save(student, folder / "model.safetensors", metadata, torch.float16)
        _keep_vae(vae_weights, folder)
    parallel.disconnect()


def chosen_phases(recipe: DistillRecipe, names: Sequence[str] | None) -> tuple[Phase, ...]:
    """Some of a recipe's phases, in its order; raises InputError for names it does not have."""
    known = [phase.name for phase in recipe.phases]
    for name in names or []:
        if name not in known:
            raise InputError(f"phases has {name!r}; the recipe has {', '.join(known)}")
    return tuple(phase for phase in recipe.phases if names is None or phase.name in names)


def _run_config(recipe: Pace, folder: Path, minutes: float | None) -> RunConfig:
    return RunConfig(
        folder=folder,
        steps=recipe.steps,
        minutes=minutes,
        muon_lr=recipe.muon_lr,
        adam_lr=recipe.adam_lr,
        ema_decay=recipe.ema_decay,
        save_minutes=recipe.save_minutes,
        sample_every=recipe.sample_every,
    )


def _channels_last(vae: MiniVAE) -> MiniVAE:
    vae.to(memory_format=torch.channels_last)  # pyrefly: ignore[no-matching-overload]
    return vae


def _save(model: torch.nn.Module, path: Path, scores: dict[str, float]) -> None:
    """The shipped form: float16, with what validation said in the file's metadata."""
    parameters.save(model, path, {name: f"{value:.4f}" for name, value in scores.items()}, torch.float16)


def _keep_vae(weights: Path, folder: Path) -> None:
    """The autoencoder beside the transformer that was trained on it: together they are a model to load."""
    path = folder / "vae.safetensors"
    if weights.resolve() != path.resolve():
        os.replace(shutil.copyfile(weights, path.with_suffix(".part")), path)
