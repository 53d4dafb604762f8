"""What the parts of an evaluation share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from flythrough.evaluate.figures import Report
from flythrough.evaluate.film import Flyer

if TYPE_CHECKING:
    from PIL.Image import Image

Progress = Callable[[str, int, int], None]  # section, done, of how many


@dataclass
class Sheet:
    """Truth above generated, for people to look at. Keeps the first `most` clips, at half size."""

    most: int = 8
    rows: list[tuple[str, Tensor]] = field(default_factory=list)

    def add(self, title: str, truth: Tensor, made: Tensor) -> None:
        """Two strips of pictures (K, H, W, 3) uint8 of the same moments."""
        if len(self.rows) < self.most:
            pair = torch.stack([truth, made]).flatten(0, 1).movedim(-1, 1).float()
            small = functional.avg_pool2d(pair, 2).movedim(1, -1).round().to(torch.uint8)
            self.rows.append((title, small.unflatten(0, (2, -1)).cpu()))

    def picture(self, gap: int = 4, columns: int = 2) -> Image:
        """All clips, `columns` beside each other."""
        from PIL import Image

        _, count, height, width, _ = self.rows[0][1].shape
        block_h, block_w = 2 * (height + 1) + gap, count * (width + 1) + gap
        down = -(-len(self.rows) // columns)
        sheet = np.full((down * block_h + gap, columns * block_w + gap, 3), 245, np.uint8)
        for index, (_, pair) in enumerate(self.rows):
            for row in range(2):
                for column in range(count):
                    top = gap + (index // columns) * block_h + row * (height + 1)
                    left = gap + (index % columns) * block_w + column * (width + 1)
                    sheet[top : top + height, left : left + width] = pair[row, column].numpy()
        return Image.fromarray(sheet)


@dataclass
class Bench:
    """One evaluation while it runs: who flies, through which test worlds, and what has been found."""

    flyer: Flyer
    seeds: list[int]
    report: Report
    progress: Progress = lambda section, done, total: None
    sheet: Sheet = field(default_factory=Sheet)

    @property
    def device(self) -> torch.device:
        return self.flyer.device

    def some(self, share: float) -> list[int]:
        """The first seeds: a share of them, at least one."""
        return self.seeds[: max(1, round(share * len(self.seeds)))]
