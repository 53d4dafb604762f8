"""A contact sheet: truth above generated, for people to look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass
class Sheet:
    """Keeps the first `most` clips, at half size."""

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
