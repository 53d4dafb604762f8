"""Does the camera go where it is told? 13 flights from one view, each held against the truths of all 13."""

from __future__ import annotations

import torch
from torch import Tensor

from flythrough.evaluate import metrics, paths
from flythrough.evaluate.bench import Bench
from flythrough.evaluate.figures import Figure, row
from flythrough.evaluate.film import Order, film, flown, scene_of, stills
from flythrough.worlds.world import World

FRAMES = 41  # 2.5 s, compared every half second
AXES = ("still", "x", "y", "z", "pitch", "yaw", "roll")


def measure(bench: Bench, frames: int = FRAMES) -> None:
    """A quarter of the worlds, 13 flights each."""
    seeds, compared = bench.some(1 / 4), list(range(8, frames, 8))
    found: dict[str, list[Tensor]] = {"model": [], "ceiling": [], "copied": []}
    speeds = []
    for number, seed in enumerate(seeds):
        world = World.from_seed(seed, "test")
        ways = paths.single_axis_set(world, bench.flyer.camera, frames)
        speeds.append(paths.travel(ways[1])[0] / ways[1].seconds)
        scene = scene_of(world, ways, bench.device)
        truths = torch.stack([film(scene, way, compared).rgb for way in ways])
        first = film(scene, ways[0], [0]).rgb[0]
        orders = [Order(first, way, world.caption(), seed) for way in ways]
        made = torch.stack([video[compared] for _, video, _ in flown(bench.flyer, orders)])
        found["model"].append(scores(made, truths))
        found["copied"].append(scores(first.expand_as(truths), truths))
        again = [stills(bench.flyer, truth) for truth in truths]
        found["ceiling"].append(scores(torch.stack(again), truths))
        bench.progress("control", number + 1, len(seeds))
    tables = {name: torch.stack(rows) for name, rows in found.items()}
    bench.report.figures += figures(tables)
    bench.report.details["control"] = {
        "seed": seeds, "paths": paths.SINGLE, "metres_a_second": speeds, "degrees_a_second": paths.TURN_DEG,
        "psnr_made_by_truth": tables["model"].tolist(),
    }  # fmt: skip


def scores(made: Tensor, truths: Tensor) -> Tensor:
    """made, truths (13, F, H, W, 3) -> (13, 13) dB, frames pooled: made along path i against truth j."""
    return torch.stack([metrics.psnr(one.expand_as(truths), truths, pool=3) for one in made]).cpu()


def by_axis(match: metrics.BestMatch) -> dict[str, float]:
    """Share of hits along each axis, both ways together."""
    shares = dict(zip(paths.SINGLE, match.by_path(), strict=True))
    return {
        axis: shares[axis] if axis == "still" else (shares["+" + axis] + shares["-" + axis]) / 2
        for axis in AXES
    }


def figures(tables: dict[str, Tensor]) -> list[Figure]:
    """tables {"model", "ceiling", "copied"}: (N, 13, 13). The wrong path is the neighbour in the list."""
    found = {name: metrics.best_match(table) for name, table in tables.items()}
    found["wrong"] = metrics.best_match(tables["model"].roll(1, dims=1))
    axes = {name: by_axis(match) for name, match in found.items()}
    weakest = min(axes["model"], key=lambda axis: axes["model"][axis])
    title, flights = "control: commanded path matches best", found["model"].hits.numel()
    share = {name: match.share for name, match in found.items()}
    margin = {name: match.margin for name, match in found.items()}
    by = {axis: {name: shares[axis] for name, shares in axes.items()} for axis in AXES}
    return [
        row("control", title, share, "%", at_least=0.85, stretch=0.97, note=f"{flights} flights; chance 8%"),
        row("control", "control: weakest axis", by[weakest], "%", at_least=0.60, stretch=0.85, note=weakest),
        row("control", "control: right path above mean wrong", margin, at_least=6, stretch=9),
        *(row("control", f"control: {axis}", by[axis], "%") for axis in AXES),
    ]
