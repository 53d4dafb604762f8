"""A path as a picture: from above, from the side, and over time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from flythrough.camera.motion import speeds
from flythrough.camera.path import CameraPath
from flythrough.errors import InputError

INK, PALE, GRID = "#22252b", "#8b919c", "#e4e6ea"
BLUE, ORANGE, GREEN = "#2f6fdb", "#e0662f", "#2a9d6f"
STYLE = {
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "axes.edgecolor": GRID,
    "axes.labelcolor": PALE,
    "axes.titlesize": 10,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": PALE,
    "ytick.color": PALE,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
}


def draw(path: CameraPath, out: str | Path, title: str = "") -> None:
    """Write a picture of the path (.png, .svg or .pdf): top view, side view, speeds, lens and height."""
    try:
        import matplotlib
    except ImportError:
        raise InputError("drawing a path needs matplotlib; pip install matplotlib") from None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    out = Path(out)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(12, 7.4), dpi=110, facecolor="white", layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplot_mosaic("AAABBB;AAABBB;AAABBB;CCDDEE;CCDDEE")
        _plan(axes["A"], path, (0, 2), "from above", "x, right (m)", "z, forward (m)")
        _plan(axes["B"], path, (2, 1), "from the right side", "z, forward (m)", "height (m)")
        _curves(axes, path)
        figure.suptitle(_headline(path, title), x=0.01, ha="left", fontsize=12, color=INK, weight="bold")
        try:
            figure.savefig(out)
        except (OSError, ValueError) as error:
            raise InputError(f"{out}: cannot be written ({error})") from None


def _headline(path: CameraPath, title: str) -> str:
    metres, _ = speeds(path)
    lens = path.fov_deg[:, 0]
    fov = f"{lens[0]:.0f}" if (lens.max() - lens.min()) < 0.5 else f"{lens.min():.0f} to {lens.max():.0f}"
    facts = (
        f"{path.frames} frames, {path.seconds:.1f} s at {path.fps:g} fps, "
        f"{metres.sum() / path.fps:.1f} m, field of view {fov}\u00b0"
    )
    return f"{title}:  {facts}" if title else facts


def _plan(ax: Any, path: CameraPath, pair: tuple[int, int], title: str, across: str, along: str) -> None:
    """The path projected on two axes, coloured by time, with a few camera frusta."""
    from matplotlib.collections import LineCollection, PolyCollection

    flip = np.array([1, -1, 1])  # draw up as up
    points = (path.positions.numpy() * flip)[:, pair]
    centre = (points.max(0) + points.min(0)) / 2
    half = max(float(np.ptp(path.positions.numpy(), axis=0).max()) / 2, 0.5)
    ax.set(title=title, xlabel=across, ylabel=along)

    moments = _moments(path, 9)
    colours = _colours(moments / max(path.frames - 1, 1))
    size = 0.26 * half
    frusta = np.stack([_frustum(path, int(i), size) * flip for i in moments])[..., pair]
    triangles = [_hull(frustum) for frustum in frusta]
    for triangle, colour in zip(triangles, colours, strict=True):
        ax.add_collection(PolyCollection([triangle], facecolor=(*colour[:3], 0.16), edgecolor=colour, lw=1))
    if path.frames > 1:
        time = np.linspace(0, 1, path.frames - 1)
        steps = np.stack([points[:-1], points[1:]], 1)
        ax.add_collection(LineCollection(list(steps), colors=_colours(time), lw=2.2, capstyle="round"))
    ax.plot(*points[0], "o", ms=8, color="white", mec=_colours(np.zeros(1))[0], mew=2, zorder=5)
    ax.plot(*points[-1], "s", ms=7, color=_colours(np.ones(1))[0], zorder=5)

    seen = np.concatenate([points, *triangles])
    low, high = seen.min(0), seen.max(0)
    low, high = np.minimum(low, centre - 0.5), np.maximum(high, centre + 0.5)
    ax.update_datalim([low, high])
    ax.margins(0.06)
    ax.autoscale_view()
    ax.set_aspect("equal", adjustable="datalim")


def _curves(axes: Any, path: CameraPath) -> None:
    metres, degrees = (speed.numpy() for speed in speeds(path))
    time, between = np.arange(path.frames) / path.fps, (np.arange(path.frames - 1) + 0.5) / path.fps
    _curve(axes["C"], between, metres, "speed", "m/s", BLUE, least=0.5)
    _curve(axes["D"], between, degrees, "turning", "degrees/s", ORANGE, least=5)
    height = -path.positions[:, 1].numpy()
    _curve(axes["E"], time, height, "height and field of view", "m", GREEN, least=0.5, around=True)
    lens = axes["E"].twinx()
    lens.plot(time, path.fov_deg[:, 0].numpy(), color=PALE, lw=1.6, ls=(0, (4, 2)))
    low, high = float(path.fov_deg[:, 0].min()), float(path.fov_deg[:, 0].max())
    lens.set_ylim(min(low - 5, 25), max(high + 5, 120))
    lens.set_ylabel("field of view (degrees), dashed")
    lens.grid(False)


def _curve(
    ax: Any,
    time: np.ndarray,
    values: np.ndarray,
    title: str,
    unit: str,
    colour: str,
    least: float,
    around: bool = False,
) -> None:
    ax.set(title=title, ylabel=unit, xlabel="seconds")
    if not len(values):
        return
    ax.plot(time, values, color=colour, lw=1.8)
    low, high = (float(values.min()), float(values.max())) if around else (0.0, float(values.max()))
    spare = max(least - (high - low), 0.12 * (high - low))
    ax.set_ylim(low - (spare / 2 if around else 0), high + (spare / 2 if around else spare))
    if not around:
        ax.fill_between(time, values, color=colour, alpha=0.12, lw=0)
    if time[-1] > time[0]:
        ax.set_xlim(time[0], time[-1])


def _moments(path: CameraPath, most: int) -> np.ndarray:
    """Frames to draw a camera at, first and last among them."""
    return np.unique(np.linspace(0, path.frames - 1, min(most, path.frames)).round().astype(int))


def _frustum(path: CameraPath, frame: int, size: float) -> np.ndarray:
    """(5, 3): the camera's centre and the corners of its picture `size` metres ahead."""
    fx, fy, cx, cy = path.intrinsics[frame].tolist()
    x = np.array([-cx, path.width - cx]) / fx * size
    y = np.array([-cy, path.height - cy]) / fy * size
    corners = [[0, 0, 0], [x[0], y[0], size], [x[1], y[0], size], [x[1], y[1], size], [x[0], y[1], size]]
    c2w = path.c2w[frame].numpy()
    return np.array(corners) @ c2w[:3, :3].T + c2w[:3, 3]


def _hull(points: np.ndarray) -> np.ndarray:
    """The convex outline of (N, 2) points."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        return points[ConvexHull(points).vertices]
    except QhullError:  # all on one line
        return points


def _colours(at: np.ndarray) -> np.ndarray:
    """Blue at the start, orange at the end; (N,) of 0..1 -> RGBA (N, 4)."""
    from matplotlib.colors import LinearSegmentedColormap

    return np.asarray(LinearSegmentedColormap.from_list("time", [BLUE, "#8b5fbf", ORANGE])(at))
