"""Generated against true: 5 s flights through held-out worlds, and what the autoencoder alone would lose."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import torch
from torch import Tensor

from flythrough.evaluate import metrics, paths
from flythrough.evaluate.bench import Bench
from flythrough.evaluate.figures import Figure, row
from flythrough.evaluate.film import Order, film, flown, reconstructed, scene_of
from flythrough.evaluate.visibility import seen_in_first
from flythrough.worlds.world import World

FRAMES = 81
MOMENTS = {"1 s": 16, "2.5 s": 40, "5 s": 80}
LEAST_SEEN = 0.05  # clips that show less of the first frame than this do not count for the seen pixels
FULL = {"1 s": (26.0, 28.0), "2.5 s": (22.0, 24.0), "5 s": (19.0, 21.0)}
SEEN = {"1 s": (28.0, 30.0), "5 s": (24.0, 27.0)}


@dataclass
class Clip:
    """A world filmed along its path: video (81, H, W, 3), and by moment: seen (H, W), wrong (H, W, 3)."""

    order: Order
    kind: str
    video: Tensor
    seen: dict[str, Tensor]
    wrong: dict[str, Tensor]


@dataclass
class Tally:
    """Numbers of every clip by name, each list as long as there are clips."""

    numbers: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    frames: dict[str, list[Tensor]] = field(default_factory=lambda: defaultdict(list))

    def add(self, name: str, value: Tensor | float) -> None:
        self.numbers[name].append(float(value))

    def mean(self, name: str) -> float:
        return sum(self.numbers[name]) / len(self.numbers[name])

    def seen(self, name: str, moment: str, size: int) -> tuple[Tensor, Tensor]:
        """Squared errors and pixels of the clips that keep enough of the first frame in view."""
        pixels = torch.tensor(self.numbers[f"seen/{moment}"], dtype=torch.float64)
        errors = torch.tensor(self.numbers[f"{name}/seen error/{moment}"], dtype=torch.float64)
        enough = pixels >= LEAST_SEEN * size
        return errors[enough], pixels[enough]


def measure(bench: Bench, *, vae: bool, flights: bool) -> None:
    """Film every clip once; add the autoencoder's figures, the flights' figures, or both, to the report."""
    tally, seeds, step = Tally(), bench.seeds, bench.flyer.at_once
    camera = bench.flyer.camera
    every = [paths.flight(World.from_seed(seed, "test"), camera, FRAMES) for seed in seeds]
    done = 0
    for start in range(0, len(seeds), step):
        numbers = range(start, min(start + step, len(seeds)))
        clips = [_filmed(bench, number, every) for number in numbers]
        orders = [clip.order for clip in clips]
        made = [video for _, video, _ in flown(bench.flyer, orders)] if flights else [None] * len(clips)
        for clip, video in zip(clips, made, strict=True):
            _weigh(bench, tally, clip, video, frames=vae)
            done += 1
            bench.progress("truth" if flights else "vae", done, len(seeds))
    if vae:
        bench.report.figures += _vae_figures(tally)
    if flights:
        bench.report.figures += _flight_figures(tally, camera.height * camera.width)
    bench.report.details["clips"] = {
        "seed": seeds, "path_m_and_deg": [paths.travel(path) for path in every], **tally.numbers
    }  # fmt: skip


def _filmed(bench: Bench, number: int, every: list) -> Clip:
    seed, path = bench.seeds[number], every[number]
    world = World.from_seed(seed, "test")
    shot = film(scene_of(world, [path], bench.device), path)
    seen = {}
    for moment, frame in MOMENTS.items():
        lens = path.intrinsics
        seen[moment] = seen_in_first(
            shot.depth[frame : frame + 1], path.c2w[frame : frame + 1], lens[frame : frame + 1],
            shot.depth[0], path.c2w[0], lens[0],
        )[0]  # fmt: skip
    others = every[number + 1 :] + every[:number] or [path.reversed()]
    wrong = paths.elsewhere(world, path, others)
    pictures = film(scene_of(world, [wrong], bench.device), wrong, list(MOMENTS.values())).rgb
    order = Order(shot.rgb[0], path, world.caption(), seed)
    return Clip(order, world.kind, shot.rgb, seen, dict(zip(MOMENTS, pictures, strict=True)))


def _weigh(bench: Bench, tally: Tally, clip: Clip, made: Tensor | None, *, frames: bool) -> None:
    again = reconstructed(bench.flyer, clip.video)
    if frames:
        tally.frames["psnr"].append(metrics.psnr(again, clip.video).cpu())
        similar = [metrics.ssim(*pair) for pair in zip(again.split(9), clip.video.split(9), strict=True)]
        tally.frames["ssim"].append(torch.cat(similar).cpu())
        copied = clip.video[:1].expand_as(again)
        tally.frames["copied psnr"].append(metrics.psnr(copied, clip.video)[1:].cpu())
    if made is None:
        return
    for moment, frame in MOMENTS.items():
        truth = clip.video[frame]
        still, wrong = clip.video[0], clip.wrong[moment]
        rows = {"model": made[frame], "ceiling": again[frame], "copied": still, "wrong": wrong}
        tally.add(f"seen/{moment}", clip.seen[moment].sum())
        tally.add(f"truth/sharpness/{moment}", metrics.sharpness(truth))
        for name, picture in rows.items():
            error = metrics.squared_error(picture, truth)
            tally.add(f"{name}/psnr/{moment}", metrics.decibels(error.mean()))
            tally.add(f"{name}/seen error/{moment}", error[clip.seen[moment]].double().sum())
            tally.add(f"{name}/sharpness/{moment}", metrics.sharpness(picture))
    moments = [0, *MOMENTS.values()]
    bench.report.sheet.add(f"{clip.kind} {clip.order.seed}", clip.video[moments], made[moments])


def _vae_figures(tally: Tally) -> list[Figure]:
    quality, similar = torch.cat(tally.frames["psnr"]), torch.cat(tally.frames["ssim"])
    copied = torch.cat(tally.frames["copied psnr"])
    mean = {"model": float(quality.mean()), "copied": float(copied.mean())}
    worst = {"model": float(metrics.worst_tenth(quality)), "copied": float(metrics.worst_tenth(copied))}
    name, note = "VAE", f"mean of {len(quality)} frames"
    return [
        row("vae", f"{name}: PSNR", mean, at_least=33, stretch=36, note=note),
        row("vae", f"{name}: SSIM", {"model": float(similar.mean())}, "", at_least=0.91, stretch=0.95),
        row("vae", f"{name}: worst tenth's PSNR", worst, at_least=28, stretch=31, note="mean of a tenth"),
    ]


def _flight_figures(tally: Tally, size: int) -> list[Figure]:
    """size: pixels of a picture."""
    figures, names = [], ("model", "ceiling", "copied", "wrong")
    for moment, (least, stretch) in FULL.items():
        values = {name: tally.mean(f"{name}/psnr/{moment}") for name in names}
        title, note = f"truth at {moment}, full frame", "mean of clips"
        figures.append(row("truth", title, values, at_least=least, stretch=stretch, note=note))
    for moment in MOMENTS:
        values = {name: float(metrics.pooled_psnr(*tally.seen(name, moment, size))) for name in names}
        least, stretch = SEEN.get(moment, (None, None))
        errors, pixels = tally.seen("model", moment, size)
        title, note = f"truth at {moment}, seen in frame 0", "no clips"
        if len(pixels):  # the median, since a few clips that come close to things may decide what is pooled
            share, middle = 100 * pixels.mean() / size, metrics.decibels((errors / pixels).quantile(0.5))
            note = f"{len(pixels)} clips, {share:.0f}%, pooled; median {middle:.1f}"
        figures.append(row("truth", title, values, at_least=least, stretch=stretch, note=note))
    for moment in MOMENTS:
        truth = tally.mean(f"truth/sharpness/{moment}")
        values = {name: tally.mean(f"{name}/sharpness/{moment}") / truth for name in names}
        figures.append(row("truth", f"sharpness at {moment} by truth's", values, "x"))
    return figures
