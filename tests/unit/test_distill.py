"""Distillation: rollouts are what a session flies, gradients touch the exit step alone, and students learn."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from flythrough import parameters
from flythrough.camera.path import CameraPath
from flythrough.conditioning import Conditioning, encode_camera
from flythrough.errors import InputError
from flythrough.model.config import ModelConfig
from flythrough.model.transformer import SanaWM
from flythrough.presets import PRESETS
from flythrough.sampling.graphs import Steps
from flythrough.session import Opening, Session
from flythrough.tensors import noise as session_noise
from flythrough.text.base import Words
from flythrough.train.data import ClipBatch, ClipConfig
from flythrough.train.distill_stage import (
    MatchConfig,
    MatchStage,
    OdeConfig,
    OwnConfig,
    distill_stage,
)
from flythrough.train.flights import Batch, FlightsConfig
from flythrough.train.loop import Progress, RunConfig, train
from flythrough.train.matching import matching_gradient, matching_loss
from flythrough.train.rollout import answer, cut, descend, exit_step, holding, rollout
from flythrough.train.run import DistillRecipe, Phase, train_distill
from flythrough.vae.mini import MiniVAE, MiniVAEConfig

WIDTHS = (8, 8, 8, 8)
VAE = MiniVAEConfig(latent_channels=8, encoder_widths=WIDTHS, decoder_widths=WIDTHS)
ENCODING = PRESETS["mini"].camera_encoding
MODEL = ModelConfig(
    depth=2,
    softmax_every=2,
    heads=1,
    head_dim=32,
    latent_channels=8,
    caption_channels=6,
    mlp_ratio=2.0,
    softmax_scale_main=32**-0.5,
    softmax_scale_camera=32**-0.5,
    chunk=1,
    window=2,
    sink=True,
)
SIGMAS = (1.0, 0.7, 0.3, 0.0)
CLIPS = ClipConfig(height=32, width=64, frames=25, clips_per_world=1, worlds_per_batch=2, workers=0)
LONG = replace(CLIPS, frames=41)
SHARED: dict[str, Any] = {
    "flights": (
        FlightsConfig(clips=CLIPS, count=4, batch=3),
        FlightsConfig(clips=LONG, count=2, batch=2, renew_every=2),
    ),
    "held_out": replace(CLIPS, frames=49),
    "encoding": ENCODING,
    "schedules": (SIGMAS, (1.0, 0.0)),
    "round_steps": 3,
    "at_once": 2,
    "held_out_worlds": 2,
    "filmed": 1,
    "marks": (1.0, 3.0),
}
OWN = OwnConfig(**SHARED, true_run=(1, 2), own_run=(1, 3))
ODE = OdeConfig(**SHARED, teacher_sigmas=(1.0, 0.85, 0.7, 0.5, 0.3, 0.15, 0.0))
MATCH = MatchConfig(**SHARED, windows=(41, 2), student_every=3)


class Speech:
    """Token states that depend on the prompt; a text encoder without weights."""

    channels, tokens = 6, 4

    def encode(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        states = [torch.full((4, 6), float(len(prompt) % 7)) for prompt in prompts]
        return torch.stack(states), torch.tensor([[bool(prompt), True, True, True] for prompt in prompts])


class Clips:
    """Clips of coloured noise instead of worlds, the same ones at the same position. Stands for ClipSource."""

    def __init__(self, config: ClipConfig, device: torch.device, position: int = 0) -> None:
        self.config, self.position = config, position

    def __next__(self) -> ClipBatch:
        config, clips = self.config, self.config.worlds_per_batch
        generator = torch.Generator().manual_seed(self.position)
        coarse = torch.rand(clips, config.frames, 4, 8, 3, generator=generator)
        video = (255 * coarse).to(torch.uint8).repeat_interleave(8, 2).repeat_interleave(8, 3)
        path = CameraPath.parse("w-20,dw-40,iw-40", height=32, width=64)
        self.position += clips
        return ClipBatch(
            video,
            path.c2w[: config.frames].expand(clips, -1, -1, -1),
            path.intrinsics[: config.frames].expand(clips, -1, -1),
            ["a place", "another place"][:clips],
        )


@pytest.fixture
def clips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flythrough.train.flights.ClipSource", Clips)
    monkeypatch.setattr(
        "flythrough.train.rounds.held_out",
        lambda config, device, worlds: next(Clips(replace(config, worlds_per_batch=worlds), device, 99)),
    )


def a_model(seed: int = 0, chunk: int = 1) -> SanaWM:
    """A world model whose every part has an effect."""
    torch.manual_seed(seed)
    model = SanaWM(replace(MODEL, chunk=chunk))
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.15)
    return model


def a_batch(clips: int = 2, frames: int = 6) -> Batch:
    path = CameraPath.parse("w-20,dw-40,iw-40", height=64, width=96)
    poses, lenses = path.c2w[: 8 * (frames - 1) + 1], path.intrinsics[: 8 * (frames - 1) + 1]
    camera, plucker = encode_camera(poses, lenses, 64, 96, ENCODING)
    cond = Conditioning(
        text=torch.randn(clips, 4, 6),
        text_mask=torch.ones(clips, 4, dtype=torch.bool),
        camera=camera.expand(clips, -1, -1),
        plucker=plucker.expand(clips, -1, -1, -1, -1),
    )
    return Batch(torch.randn(clips, 8, frames, 2, 3), cond, {"past": torch.randn(clips, 8, frames, 2, 3)})


def test_a_rollout_is_the_flight_of_a_session() -> None:
    model = a_model().requires_grad_(False)
    path = CameraPath.parse("w-20,dw-40", height=64, width=96).take(slice(41))
    opening = Opening(
        latent=torch.randn(1, 8, 1, 2, 3),
        words=Words(text=torch.randn(1, 4, 6), text_mask=torch.ones(1, 4, dtype=torch.bool)),
    )
    session = Session(model, MiniVAE(VAE), opening, encoding=ENCODING, sigmas=SIGMAS, seed=5)
    flown = []
    for begin in range(0, 41, 8):
        if len(session.push(path.c2w[begin : begin + 8], path.intrinsics[begin : begin + 8])):
            assert session.latents is not None
            flown.append(session.latents)

    latents = torch.cat([opening.latent, torch.full((1, 8, len(flown) - 1, 2, 3), torch.nan)], dim=2)
    noise = torch.cat([session_noise((1, 8, 1, 2, 3), 5, chunk) for chunk in range(len(flown))], dim=2)
    frames = 8 * (len(flown) - 1) + 1
    camera, plucker = encode_camera(path.c2w[:frames], path.intrinsics[:frames], 64, 96, ENCODING)
    cond = Conditioning(
        text=opening.words.text,
        text_mask=opening.words.text_mask,
        camera=camera[None],
        plucker=plucker[None],
    )
    made = rollout(Steps(model), latents, noise, cond, torch.tensor(SIGMAS), (True,) * len(flown))
    assert len(flown) == 6
    torch.testing.assert_close(made, torch.cat(flown, dim=2), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("chunk", "frames"), [(1, 6), (3, 9)])
def test_all_chunks_at_once_after_a_past_make_what_the_stream_made(chunk: int, frames: int) -> None:
    model, batch = a_model(chunk=chunk), a_batch(frames=frames)
    noise, sigmas = torch.randn_like(batch.latents), torch.tensor(SIGMAS)
    own = tuple(index % 3 != 1 for index in range(frames // chunk))
    past = rollout(Steps(model), batch.latents, noise, batch.cond, sigmas, own)
    x, held = holding(noise, batch.latents)
    again = descend(model, past, x, batch.cond, sigmas, held)
    mine = torch.tensor(own).repeat_interleave(chunk)
    torch.testing.assert_close(past[:, :, ~mine], batch.latents[:, :, ~mine], rtol=0, atol=0)
    torch.testing.assert_close(past[:, :, 0], batch.latents[:, :, 0], rtol=0, atol=0)
    torch.testing.assert_close(again[:, :, mine], past[:, :, mine], rtol=1e-4, atol=1e-4)
    assert (past[:, :, mine][:, :, 1:] - batch.latents[:, :, mine][:, :, 1:]).abs().mean() > 0.1


def test_only_the_exit_step_has_a_gradient() -> None:
    model, batch = a_model(), a_batch()
    past = batch.made["past"].requires_grad_()
    x, held = holding(torch.randn_like(batch.latents).requires_grad_(), batch.latents)
    levels = torch.tensor(SIGMAS[:3])
    made = exit_step(model, past, x, batch.cond, levels, held)
    made.square().sum().backward()
    assert past.grad is None

    other = copy.deepcopy(model)
    other.zero_grad()
    with torch.no_grad():  # two steps down by hand
        y, still = x, held[:, None, :, None, None]
        for now, after in ((1.0, 0.7), (0.7, 0.3)):
            sigma = torch.where(held, 0.0, now)
            velocity = other.teacher_forcing(past, y, 1000 * sigma, batch.cond, tuple(range(7)))
            y = torch.where(still, y, y + (after - now) * velocity)
    sigma = torch.where(held, 0.0, 0.3)
    velocity = other.teacher_forcing(past.detach(), y, 1000 * sigma, batch.cond, tuple(range(7)))
    (y - sigma[:, None, :, None, None] * velocity).square().sum().backward()
    for (name, one), two in zip(model.named_parameters(), other.parameters(), strict=True):
        if one.grad is None or two.grad is None:
            assert one.grad is two.grad, name
        else:
            torch.testing.assert_close(one.grad, two.grad, rtol=1e-4, atol=1e-4 * float(two.grad.abs().max()))


def test_the_matching_gradient_is_the_formula_and_the_loss_has_it() -> None:
    made, real, fake = torch.randn(3, 2, 4, 3, 2, 3).unbind(0)
    made = made.requires_grad_()
    by_hand = torch.zeros_like(made)
    for clip in range(2):
        for frame in range(3):
            at = (clip, slice(None), frame)
            by_hand[at] = (fake[at] - real[at]) / (made[at] - real[at]).abs().mean().detach()
    gradient = matching_gradient(made, real, fake)
    torch.testing.assert_close(gradient, by_hand)

    counted = torch.tensor([[False, True, True], [True, True, False]])
    matching_loss(made, gradient, counted).backward()
    elements = 4 * 4 * 2 * 3
    torch.testing.assert_close(
        made.grad, torch.where(counted[:, None, :, None, None], by_hand / elements, 0.0)
    )
    assert matching_gradient(real, real, torch.full_like(real, torch.nan)).eq(0).all()


def stage_of(config: Any) -> Any:
    student = a_model()
    torch.manual_seed(1)
    vae = MiniVAE(VAE).requires_grad_(False)
    return distill_stage(config, student, vae, Speech(), torch.device("cpu"))


@pytest.mark.usefixtures("clips")
def test_the_critic_learns_the_velocity_of_what_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stage_of(replace(MATCH, windows=(41,), guidance=2.0))
    asked = []

    def note(model: SanaWM, past: Tensor, x: Tensor, sigma: Tensor, cond: Conditioning) -> Tensor:
        velocity = answer(model, past, x, sigma, cond)
        asked.append((model, x, sigma, velocity, cond))
        return velocity

    made = []

    def exit_of(*args: Any) -> Tensor:
        made.append(exit_step(*args))
        return made[-1]

    monkeypatch.setattr("flythrough.train.distill_stage.answer", note)
    monkeypatch.setattr("flythrough.train.distill_stage.exit_step", exit_of)
    batch = stage.next_batch(0.0)
    loss, parts = stage.loss(batch)
    loss.backward()
    (critic, noisy, sigma, says, cond), (real, _, _, true, _), (_, _, _, plain, empty) = asked
    assert critic is stage.critic
    assert real is stage.teacher
    level = sigma[:, None, :, None, None]
    noise = (noisy - (1 - level) * made[0]) / level.clamp(min=1e-6)
    target = (noise - made[0]).detach()
    torch.testing.assert_close(
        parts["critic"], (says - target)[:, :, 1:].square().mean(), rtol=1e-3, atol=1e-3
    )
    assert (sigma[:, 0] == 0).all()
    assert sigma[:, 1:].min() >= MATCH.lowest

    guided = true + 2.0 * (true - plain)
    gradient = matching_gradient(made[0], noisy - level * guided, noisy - level * says.detach())
    expected = 0.5 * gradient[:, :, 1:].square().mean()
    torch.testing.assert_close(parts["student"] / MATCH.student_every, expected, rtol=1e-3, atol=1e-4)
    assert (empty.text == 0).all()
    assert not (cond.text == 0).all()


@pytest.mark.usefixtures("clips")
def test_student_and_critic_take_turns() -> None:
    stage = stage_of(MATCH)
    for step in range(6):
        stage.model.zero_grad(set_to_none=True)
        stage.loss(stage.next_batch(0.0))[0].backward()
        moved = [any(p.grad is not None for p in player.parameters()) for player in stage.players]
        assert moved == [step % 3 == 0, False, True]


@pytest.mark.usefixtures("clips")
def test_all_processes_draw_equal_shapes_and_the_student_meets_every_length() -> None:
    shapes = []
    for seed in (1, 2):
        stage = stage_of(replace(MATCH, student_every=2))
        torch.manual_seed(seed)  # as the loop does in each process
        flown = [tuple(stage.next_batch(0.0).latents.shape) for _ in range(24)]
        shapes.append([(shape, len(stage.any_question()), stage.lot(9)) for shape in flown])
    assert shapes[0] == shapes[1]
    assert {shape[2] for shape, _, _ in shapes[0][::2]} == {4, 6}


def test_windows_are_pieces_of_time() -> None:
    x = torch.arange(2 * 3 * 7).view(2, 3, 7)
    pieces = cut(x, 2, 1, 3)
    assert pieces.shape == (4, 3, 3)
    assert pieces[1].equal(x[0, :, 4:7])
    assert pieces[2].equal(x[1, :, 1:4])


@pytest.mark.usefixtures("clips")
def test_the_past_of_own_flights_is_partly_true() -> None:
    stage = stage_of(OWN)
    batch = stage.next_batch(0.0)
    own, past = batch.made["own"], batch.made["past"]
    same = (past == batch.latents).all(dim=1).flatten(2).all(dim=2)
    assert same[~own].all()
    assert not same[own].any()
    assert 0 < own.float().mean() < 1


@pytest.mark.usefixtures("clips")
@pytest.mark.parametrize("config", [OWN, ODE, MATCH], ids=["own", "ode", "match"])
def test_a_run_that_stopped_within_a_round_goes_on_bit_exactly(config: Any, tmp_path: Path) -> None:
    def run(folder: str, steps: int) -> Any:
        stage = stage_of(config)
        list(train(stage, replace(short_run(tmp_path / folder, steps), decay_share=0)))
        return stage

    whole = run("whole", 7)
    run("parts", 4)
    parts = run("parts", 7)
    for name, value in whole.model.state_dict().items():
        torch.testing.assert_close(parts.model.state_dict()[name], value, rtol=0, atol=0)


@pytest.mark.usefixtures("clips")
def test_figures_and_film_of_a_student() -> None:
    stage = stage_of(OWN)
    scores = stage.validate()
    assert set(scores) == {
        f"{what}/{steps}_steps_{mark}_s"
        for what in ("error", "spread")
        for steps in (3, 1)
        for mark in (1, 3)
    }
    assert scores == stage.validate()
    stage.fly = lambda model, batch, noise, sigmas: batch.latents
    assert stage.validate() == {name: float("spread" in name) for name in scores}
    film = stage.sample()
    assert film.shape == (49, 2 * 32, 64, 3)
    assert film.float().std() > 5


@pytest.mark.usefixtures("clips")
def test_after_its_own_past_the_student_learns_the_way_back(tmp_path: Path) -> None:
    stage = stage_of(OWN)
    before = stage.validate()
    losses = [progress.scalars["after_own"] for progress in train(stage, short_run(tmp_path, 24))]
    after = stage.validate()
    assert losses[-1] < 0.8 * losses[0]
    assert after["error/3_steps_3_s"] < 0.85 * before["error/3_steps_3_s"]


@pytest.mark.usefixtures("clips")
def test_in_one_step_the_student_learns_what_the_teacher_needs_many_for(tmp_path: Path) -> None:
    stage = stage_of(ODE)
    for parameter in stage.student.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)

    def far() -> float:
        torch.manual_seed(3)
        batch = stage._held_out
        x, held = holding(torch.randn_like(batch.latents), batch.latents)
        goal, at_once = (
            descend(player, batch.latents, x, batch.cond, torch.tensor(sigmas), held)
            for player, sigmas in ((stage.teacher, ODE.teacher_sigmas), (stage.student, (1.0, 0.0)))
        )
        return float((at_once - goal).square().mean())

    before = far()
    list(train(stage, short_run(tmp_path, 24)))
    assert far() < 0.5 * before


class Bell(nn.Module):
    """A player for whom every number of a latent comes from one bell curve, whatever it is told.

    As a teacher or critic it knows the velocity of that curve exactly; as a student it makes its numbers from noise
    in one step.
    """

    config = MODEL

    def __init__(self, mean: float, spread: float, makes: bool = False) -> None:
        super().__init__()
        self.mean, self.spread = nn.Parameter(torch.tensor(mean)), nn.Parameter(torch.tensor(spread))
        self.makes = makes

    def new_state(self) -> None:
        return None

    def embed(self, cond: Conditioning, _: None) -> Conditioning:
        return cond

    def forward(self, x: Tensor, timestep: Tensor, cond: Conditioning, **options: Any) -> Tensor:
        sigma = (timestep / 1000).clamp(min=1e-6)[:, None, :, None, None]
        power = ((1 - sigma) * self.spread).square() + sigma.square()
        known = (1 - sigma) * self.spread.square() / power * (x - (1 - sigma) * self.mean)
        return (x - self.mean - (self.spread * x if self.makes else known)) / sigma

    def teacher_forcing(
        self, past: Tensor, x: Tensor, timestep: Tensor, cond: Conditioning, *_: Any
    ) -> Tensor:
        return self(x, timestep, cond)


@pytest.mark.usefixtures("clips")
def test_distribution_matching_finds_the_teachers_distribution() -> None:
    plan = replace(MATCH, schedules=((1.0, 0.0),), round_steps=10**6, flights=SHARED["flights"][:1])
    vae = MiniVAE(VAE).requires_grad_(False)
    student, teacher = Bell(-0.5, 1.0, makes=True), Bell(0.8, 0.5)
    stage = MatchStage(student, vae, Speech(), plan, torch.device("cpu"), teacher)  # pyrefly: ignore
    optimizer = torch.optim.Adam(stage.model.parameters(), lr=0.02, betas=(0.0, 0.99))
    for _ in range(400):
        stage.loss(stage.next_batch(0.0))[0].backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    assert student.mean.item() == pytest.approx(0.8, abs=0.1)
    assert student.spread.item() == pytest.approx(0.5, abs=0.1)
    assert (teacher.mean.item(), teacher.spread.item()) == pytest.approx((0.8, 0.5))


@pytest.mark.usefixtures("clips")
def test_a_recipe_becomes_weights_phase_by_phase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flythrough.text.mini.MiniText", lambda folder, device: Speech())
    monkeypatch.setattr("flythrough.train.run.MiniVAE", lambda: MiniVAE(VAE))
    vae, start, out = tmp_path / "vae.safetensors", tmp_path / "start.safetensors", tmp_path / "run"
    parameters.save(MiniVAE(VAE), vae)
    parameters.save(a_model(), start)
    stages = {"own": OWN, "ode": ODE, "match": MATCH}
    phases = tuple(
        Phase(name=name, stage=stage, share=1, steps=2, muon_lr=0.01, adam_lr=1e-3)
        for name, stage in stages.items()
    )
    recipe = DistillRecipe(model=MODEL, phases=phases, teacher_sigmas=ODE.teacher_sigmas)

    def run(*names: str, recipe: DistillRecipe = recipe) -> list[Progress]:
        where = torch.device("cpu")
        return list(train_distill(recipe, vae, start, out, where, phases=names or None))

    with pytest.raises(InputError, match="'old'; the recipe has own, ode, match"):
        run("old")
    first = run("own")
    assert "error/6_steps_3_s" in first[0].scalars  # the teacher's figures lead
    assert [step.share for step in first] == [0, 1]
    assert len(run("own")) == 0  # done already
    assert [step.share for step in run()] == [0, 0.5, 1]
    weights = [out / name / "model.safetensors" for name in stages] + [out / "model.safetensors"]
    held = [torch.cat([t.flatten() for t in load_file(path).values()]) for path in weights]
    assert not held[0].equal(held[1])
    assert not held[1].equal(held[2])
    assert held[2].equal(held[3])

    assert (out / "vae.safetensors").read_bytes() == vae.read_bytes()

    for blend, fault in (({"old": 1.0}, "one of start, own, ode, match"), ({"own": 0.5}, "add up to 0.5")):
        with pytest.raises(InputError, match=fault):
            replace(recipe, blend=blend)
    assert run(recipe=replace(recipe, blend={"start": 0.25, "own": 0.75})) == []
    mean, begun = load_file(weights[-1]), load_file(start)
    for name, tensor in load_file(weights[0]).items():
        torch.testing.assert_close(
            mean[name].float(), 0.25 * begun[name].float() + 0.75 * tensor.float(), rtol=2e-3, atol=1e-4
        )


def short_run(folder: Path, steps: int) -> RunConfig:
    rates = {"warmup": 1, "muon_lr": 0.01, "adam_lr": 3e-3, "ema_decay": 0.8}
    return RunConfig(folder=folder, steps=steps, log_every=6, sample_every=10**6, **rates)  # pyrefly: ignore
