"""Long flights: out and back in 10 s, and what is left of the picture after a minute."""

from __future__ import annotations

import torch
from torch import Tensor

from flythrough.camera.path import CameraPath
from flythrough.evaluate import metrics, paths
from flythrough.evaluate.bench import Bench
from flythrough.evaluate.figures import Figure, row
from flythrough.evaluate.film import Order, encoded, film, flown, kept, reconstructed, scene_of
from flythrough.worlds.world import World

BACK = 161
MINUTE = 961
MARKS = {"20 s": 320, "40 s": 640, "60 s": 960}
LOOKED_AT = 9  # frames up to the mark: the last two latent frames
REMEMBERED = 33  # a VAE decodes a frame as in the whole film once it has seen so many before it


def out_and_back(bench: Bench) -> None:
    """Half of the worlds. The last frame should be the first; at the turn the truth is far from it."""
    seeds, step = bench.some(1 / 2), bench.flyer.at_once
    rows: dict[str, list[float]] = {name: [] for name in ("model", "ceiling", "wrong", "turn", "turn copied")}
    for start in range(0, len(seeds), step):
        worlds = [World.from_seed(seed, "test") for seed in seeds[start : start + step]]
        ways = [paths.out_and_back(world, bench.flyer.camera, BACK) for world in worlds]
        homes = [_filmed_home(bench, world, way) for world, way in zip(worlds, ways, strict=True)]
        orders = [Order(h[-1], p, w.caption(), w.seed) for w, p, h in zip(worlds, ways, homes, strict=True)]
        for (_, video, _), home in zip(flown(bench.flyer, orders), homes, strict=True):
            turn, first = home[0], home[-1]
            again = reconstructed(bench.flyer, home[1:])[-1]
            rows["model"].append(float(metrics.psnr(video[-1], first)))
            rows["ceiling"].append(float(metrics.psnr(again, first)))
            rows["wrong"].append(float(metrics.psnr(turn, first)))
            rows["turn"].append(float(metrics.psnr(video[BACK // 2], turn)))
            rows["turn copied"].append(float(metrics.psnr(first, turn)))
            bench.progress("back", len(rows["model"]), len(seeds))
    mean = {name: sum(values) / len(values) for name, values in rows.items()}
    mean["copied"] = metrics.HIGHEST_DB  # it never left, so the turn has a figure of its own
    turn = {"model": mean["turn"], "copied": mean["turn copied"]}
    note = f"flights: {len(seeds)}; wrong: never came back"
    bench.report.figures += [
        row(
            "back",
            "out and back in 10 s: last frame by first",
            mean,
            at_least=20,
            stretch=24,
            note=note,
        ),
        row("back", "out and back: at the turn", turn),
    ]
    bench.report.details["back"] = {"seed": seeds, **rows}


def _filmed_home(bench: Bench, world: World, way: CameraPath) -> Tensor:
    """The turn, then the last REMEMBERED frames of the way home: (1 + REMEMBERED, H, W, 3)."""
    frames = [BACK // 2, *range(BACK - REMEMBERED, BACK)]
    return film(scene_of(world, [way], bench.device), way, frames).rgb


def minute(bench: Bench) -> None:
    """An eighth of the worlds, 60 s each. Truth is filmed around the marks only."""
    seeds, step = bench.some(1 / 8), bench.flyer.at_once
    rows: dict[str, list[float]] = {}
    wanted = [frame for mark in MARKS.values() for frame in range(mark - LOOKED_AT + 1, mark + 1)]
    done = 0
    for start in range(0, len(seeds), step):
        worlds = [World.from_seed(seed, "test") for seed in seeds[start : start + step]]
        ways = [paths.tour(world, bench.flyer.camera, MINUTE) for world in worlds]
        firsts = [_first(bench, world, way) for world, way in zip(worlds, ways, strict=True)]
        orders = [Order(f, p, w.caption(), w.seed) for w, p, f in zip(worlds, ways, firsts, strict=True)]
        pictures, latents = kept(bench.flyer.fly(orders), wanted)
        for index, (world, way) in enumerate(zip(worlds, ways, strict=True)):
            for mark, frame in MARKS.items():
                near = range(frame - LOOKED_AT + 1, frame + 1)
                made = torch.stack([pictures[f][index] for f in near])
                codes = torch.stack([latents[frame - 8][index], latents[frame][index]], dim=1)[None]
                for name, value in _state(bench, world, way, frame, made, codes, firsts[index]).items():
                    rows.setdefault(f"{name}/{mark}", []).append(value)
            done += 1
            bench.progress("minute", done, len(seeds))
    bench.report.figures += _minute_figures(rows, len(seeds))
    bench.report.details["minute"] = {"seed": seeds, **rows}


def _first(bench: Bench, world: World, way: CameraPath) -> Tensor:
    start = way.take(slice(1))
    return film(scene_of(world, [start], bench.device), start).rgb[0]


def _state(
    bench: Bench, world: World, way: CameraPath, frame: int, made: Tensor, codes: Tensor, first: Tensor
) -> dict[str, float]:
    """Sharpness, latent spread and colours of what was made near a frame, and of the truth there."""
    around = way.take(slice(frame - 2 * 8, frame + 1))
    truth = film(scene_of(world, [around], bench.device), around).rgb  # 17 frames: 3 latent frames
    again, true_codes = reconstructed(bench.flyer, truth), encoded(bench.flyer, truth)
    truth, again = truth[-LOOKED_AT:], again[-LOOKED_AT:]
    return {
        "sharpness": float(metrics.sharpness(made).mean()),
        "sharpness truth": float(metrics.sharpness(truth).mean()),
        "sharpness ceiling": float(metrics.sharpness(again).mean()),
        "sharpness copied": float(metrics.sharpness(first)),
        "spread": float(metrics.spread(codes).mean()),
        "spread truth": float(metrics.spread(true_codes[:, :, -2:]).mean()),
        "spread copied": float(metrics.spread(encoded(bench.flyer, first[None])).mean()),
        "colour": float((_colour(made) - _colour(truth)).abs().mean()),
        "colour ceiling": float((_colour(again) - _colour(truth)).abs().mean()),
        "colour copied": float((_colour(first[None]) - _colour(truth)).abs().mean()),
    }


def _colour(pictures: Tensor) -> Tensor:
    return metrics.unit(pictures).mean((0, 1, 2))


def _minute_figures(rows: dict[str, list[float]], clips: int) -> list[Figure]:
    mean = {name: sum(values) / len(values) for name, values in rows.items()}
    names = {"model": "", "ceiling": " ceiling", "copied": " copied"}
    figures = []
    for mark in MARKS:
        truth = mean[f"sharpness truth/{mark}"]
        values = {name: mean[f"sharpness{after}/{mark}"] / truth for name, after in names.items()}
        title, note = f"60 s: sharpness at {mark} by truth's", f"flights: {clips}"
        figures.append(row("minute", title, values, "x", at_least=0.5, stretch=0.7, at_most=2, note=note))
    for mark in MARKS:
        truth = mean[f"spread truth/{mark}"]
        values = {name: mean[f"spread{names[name]}/{mark}"] / truth for name in ("model", "copied")}
        each = [a / b for a, b in zip(rows[f"spread/{mark}"], rows[f"spread truth/{mark}"], strict=True)]
        title, note = (
            f"60 s: latent std at {mark} by truth's",
            f"{min(each):.2f} to {max(each):.2f}",
        )
        figures.append(row("minute", title, values, "x", at_least=0.7, at_most=1.3, note=note))
    for mark in MARKS:
        values = {name: 255 * mean[f"colour{after}/{mark}"] for name, after in names.items()}
        title = f"60 s: mean colour off truth's at {mark}"
        figures.append(row("minute", title, values, "levels", note="of 255; less is better"))
    return figures
