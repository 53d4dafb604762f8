"""Do words decide what comes into view? Two prompts, one first frame, one path, and a judge of places.

The judge is a logistic classifier of the renderer's own label of a world, its kind. It reads one cell of
32x32 pixels at a time: its VAE latents (of the picture as a still), its mean colour, the colour's spread, and
its row. It is fitted on renders of training worlds, as they are and after the VAE, and is applied to those
cells of the last frame that the first frame did not show. Of two kinds it names the one with the higher mean
log-probability over those cells. Both prompts of a pair speak of the same time of day, so the light gives
nothing away.

Two ways to ask:
  tilt   the first frame looks up and shows (almost) only sky; the camera tilts down to what the prompt names.
  turn   the first frame shows a place of one of the two kinds; the camera turns by 120 degrees. One prompt
         agrees with the picture, the other one contradicts it. A model that trusts the picture scores 50%.
In both, half of the frames come from either kind: a judge that always says the same is right half the time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from flythrough.camera.path import CameraPath
from flythrough.evaluate import paths
from flythrough.evaluate.bench import Bench
from flythrough.evaluate.figures import row
from flythrough.evaluate.film import Flyer, Order, encoded, film, flown, scene_of, stills
from flythrough.evaluate.visibility import seen_in_first
from flythrough.worlds.captions import caption
from flythrough.worlds.mesh import Label
from flythrough.worlds.walks import viewpoint
from flythrough.worlds.world import World

KINDS = ("lake", "snow", "wood", "desert", "village", "terraces", "hills", "canyon")
CELL = 32
FRAMES = 81
SKY = 0.85  # at least so much of a tilt's first frame is sky
THRESHOLDS = {"tilt": (0.70, 0.90), "turn": (None, None)}
SHARES = ("model", "ceiling", "copied", "ordered")


@dataclass
class Judge:
    """weight (KINDS, features), bias (KINDS,); features are standardised by mean and std."""

    weight: Tensor
    bias: Tensor
    mean: Tensor
    std: Tensor

    def log_odds(self, features: Tensor, new: Tensor, one: str, other: str) -> float:
        """For `one` against `other`, mean over the new cells; features (h w, D), new (h w,) bool."""
        if not bool(new.any()):
            return 0.0
        logits = ((features[new] - self.mean) / self.std) @ self.weight.T + self.bias
        chosen = logits.log_softmax(-1).mean(0)
        return float(chosen[KINDS.index(one)] - chosen[KINDS.index(other)])


def fit(features: Tensor, kinds: Tensor, decay: float = 1e-3, steps: int = 60) -> Judge:
    """Multinomial logistic regression: features (N, D), kinds (N,) indices. Ridge penalty `decay`."""
    mean, std = features.mean(0), features.std(0) + 1e-3
    x = (features - mean) / std
    weight = torch.zeros(len(KINDS), x.shape[1], device=x.device, requires_grad=True)
    bias = torch.zeros(len(KINDS), device=x.device, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=steps, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(x @ weight.T + bias, kinds) + decay * weight.square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)
    return Judge(weight.detach(), bias.detach(), mean, std)


def cells(flyer: Flyer, picture: Tensor) -> Tensor:
    """A picture (H, W, 3) uint8 -> features (h w, D) of its cells."""
    latents = encoded(flyer, picture[None])[0, :, 0]  # (C, h, w)
    rows, columns = latents.shape[1:]
    colors = picture.to(latents.device).float() / 255
    blocks = colors.unflatten(1, (columns, CELL)).unflatten(0, (rows, CELL))  # (h, 32, w, 32, 3)
    mean, spread = blocks.mean((1, 3)), blocks.std((1, 3))
    row = functional.one_hot(torch.arange(rows, device=latents.device), rows).float()
    row = row[:, None].expand(rows, columns, rows)
    return torch.cat([latents.movedim(0, -1), mean, spread, row], dim=-1).flatten(0, 1)


def new_cells(seen: Tensor) -> Tensor:
    """Mask of seen pixels (H, W) -> (h w,) bool: less than half of the cell was seen."""
    share = functional.avg_pool2d(seen[None, None].float(), CELL)[0, 0]
    return (share < 0.5).flatten()


def trained_judge(bench: Bench, worlds: int) -> Judge:
    """From `worlds` training worlds of each kind, two views each."""
    features, kinds = [], []
    for index, kind in enumerate(KINDS):
        for seed in range(worlds):
            world = World.from_seed(seed, "train", kind)
            for view in range(2):
                picture = _view(bench, world, view)
                for shown in (picture, stills(bench.flyer, picture[None])[0]):
                    features.append(cells(bench.flyer, shown))
                    kinds.append(index)
            bench.progress("prompts: judge", index * worlds + seed + 1, len(KINDS) * worlds)
    label = torch.tensor(kinds, device=features[0].device).repeat_interleave(len(features[0]))
    return fit(torch.cat(features), label)


def measure(bench: Bench) -> None:
    """As many pairs of prompts as half the worlds, once by tilting and once by turning."""
    pairs = len(bench.some(1 / 2))
    pairs += pairs % 2  # half of the first frames from either kind
    judge = trained_judge(bench, worlds=min(16, max(4, len(bench.seeds))))
    for way in THRESHOLDS:
        rows = asked(bench, judge, way, pairs)
        share = {name: float(np.mean([case[name] for case in rows])) for name in SHARES}
        name = "sky first" if way == "tilt" else "turning"
        note, (least, stretch) = f"{2 * pairs} flights; chance 50%", THRESHOLDS[way]
        bench.report.figures += [
            row("prompts", f"prompts: the view follows, {name}", share, "%",
                at_least=least, stretch=stretch, note=note),
            row("prompts", f"prompts: the right one scores higher, {name}",
                {"model": share["ordered"]}, "%", note="chance 50%"),
        ]  # fmt: skip
        bench.report.details[f"prompts: {way}"] = rows


@dataclass
class Case:
    """A first frame of a world of `kind`, and a prompt for each of two kinds."""

    kind: str
    other: str
    path: CameraPath
    new: Tensor
    orders: list[Order]
    truth: Tensor


def asked(bench: Bench, judge: Judge, way: str, pairs: int) -> list[dict]:
    cases = [_case(bench, way, number) for number in range(pairs)]
    orders = [order for case in cases for order in case.orders]
    flights = flown(bench.flyer, orders)
    flyer, rows = bench.flyer, []
    for number, case in enumerate(cases):
        kinds = case.kind, case.other
        odds = [judge.log_odds(cells(flyer, next(flights)[1][-1]), case.new, *kinds) for _ in kinds]
        again = stills(flyer, case.truth[None])[0]
        truth = judge.log_odds(cells(flyer, again), case.new, *kinds)
        copied = judge.log_odds(cells(flyer, case.orders[0].first), case.new, *kinds)
        rows.append({
            "kind": case.kind, "other": case.other, "prompts": [order.prompt for order in case.orders],
            "log_odds": odds, "log_odds_truth": truth, "model": ((odds[0] > 0) + (odds[1] < 0)) / 2,
            "ordered": float(odds[0] > odds[1]), "ceiling": float(truth > 0),
            "copied": ((copied > 0) + (copied < 0)) / 2, "new_cells": int(case.new.sum()),
        })  # fmt: skip
        bench.progress(f"prompts: {way}", number + 1, pairs)
    return rows


def _case(bench: Bench, way: str, number: int) -> Case:
    """Two kinds at the same time of day; the frame is of the first one. Cases 2k and 2k + 1 swap them."""
    rng = paths.stream(bench.seeds[0] + number // 2, "prompts")
    kinds = list(rng.choice(KINDS, 2, replace=False))
    seed = int(rng.integers(2**31))
    ordered = kinds if number % 2 == 0 else kinds[::-1]
    worlds = [World.from_seed(seed, "test", str(kind)) for kind in ordered]
    world = worlds[0]
    time = world.attributes["time"]
    if way == "tilt":
        path = _sky_first(bench, world, rng)
    else:
        path = paths.turn_round(bench.flyer.camera, *viewpoint(world, rng), FRAMES)
    shot = film(scene_of(world, [path], bench.device), path, [0, FRAMES - 1])
    lens = path.intrinsics
    seen = seen_in_first(shot.depth[1:], path.c2w[-1:], lens[-1:], shot.depth[0], path.c2w[0], lens[0])[0]
    words = np.random.default_rng(seed)
    orders = [
        Order(shot.rgb[0], path, caption(w.attributes | {"time": time}, words), seed % 2**31) for w in worlds
    ]
    return Case(worlds[0].kind, worlds[1].kind, path, new_cells(seen), orders, shot.rgb[1])


def _sky_first(bench: Bench, world: World, rng: np.random.Generator) -> CameraPath:
    """A tilt down from a view that first shows enough sky; of a dozen, the one that shows the most."""
    best, most = None, -1.0
    for _ in range(12):
        path = paths.tilt_down(bench.flyer.camera, *viewpoint(world, rng), FRAMES)
        small = path.resized(path.height // 4, path.width // 4)
        label = film(scene_of(world, [path], bench.device), small, [0]).label
        share = float((label == Label.SKY).float().mean())
        if share > most:
            best, most = path, share
        if share >= SKY:
            break
    assert best is not None
    return best


def _view(bench: Bench, world: World, number: int) -> Tensor:
    """What a level camera (a little up or down) sees from anywhere in a world."""
    rng = paths.stream(world.seed, f"judge {number}")
    path = paths.glance(bench.flyer.camera, *viewpoint(world, rng), float(rng.uniform(-8, 4)))
    return film(scene_of(world, [path], bench.device), path).rgb[0]
