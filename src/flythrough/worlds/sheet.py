"""Many worlds on one picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from flythrough.worlds.walks import intrinsics_of
from flythrough.worlds.world import World


def contact_sheet(
    worlds: Sequence[World],
    *,
    columns: int = 6,
    height: int = 128,
    width: int = 224,
    gap: int = 4,
    fov_deg: float = 70,
) -> NDArray[np.uint8]:
    """First views of worlds, row by row on white: (rows, columns, 3) uint8."""
    from flythrough.worlds.render import prepare, render

    rows = -(-len(worlds) // columns)
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), 245, np.uint8)
    lens = intrinsics_of(np.array([fov_deg]), height, width)
    for index, world in enumerate(worlds):
        start = world.start()
        points = start[None, :3, 3].float()
        scene = prepare(world.mesh(points), world.light, points)
        picture = render(scene, start[None], lens, height, width, supersample=3).rgb[0, 0]
        top, left = gap + (index // columns) * (height + gap), gap + (index % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = torch.as_tensor(picture).numpy()
    return sheet
