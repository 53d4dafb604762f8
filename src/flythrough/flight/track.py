"""The camera's way, as much of it as the next chunk looks at."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from flythrough import grid
from flythrough.tensors import dims

NUMBERS = 20  # of a pose row by row, then its lens


def to_rows(c2w: Tensor, intrinsics: Tensor) -> Tensor:
    """c2w (n, 4, 4) and intrinsics (n, 4) -> (n, 20) float64 on the CPU."""
    n = dims(c2w, "n row column", row=4, column=4)[0]
    dims(intrinsics, "n fxfycxcy", n=n, fxfycxcy=4)
    both = c2w.detach().flatten(1), intrinsics.detach()
    return torch.cat([part.to("cpu", torch.float64) for part in both], dim=1)


def from_rows(rows: Tensor) -> tuple[Tensor, Tensor]:
    """The inverse: c2w (n, 4, 4) and intrinsics (n, 4)."""
    return rows[:, :16].unflatten(1, (4, 4)), rows[:, 16:]


@dataclass(frozen=True)
class Track:
    """Poses and lenses by pixel frame. Never changed: a longer track is another one.

    rows    (n, 20) float64, those of pixel frames before .. before + n - 1
    origin  (20,) that of pixel frame 0, which every pose is told relative to; None: no pose is known yet
    """

    rows: Tensor = field(default_factory=lambda: torch.zeros(0, NUMBERS, dtype=torch.float64))
    before: int = 0
    origin: Tensor | None = None

    @property
    def known(self) -> int:
        """Pixel frames whose pose is known."""
        return self.before + len(self.rows)

    def extended(self, rows: Tensor) -> Track:
        """With the poses that come next."""
        origin = rows[0].clone() if self.origin is None and len(rows) else self.origin
        return replace(self, rows=torch.cat([self.rows, rows]), origin=origin)

    def since(self, frame: int) -> Track:
        """Without the poses before a pixel frame."""
        return replace(self, rows=self.rows[frame - self.before :].clone(), before=frame)

    def piece(self, start: int, end: int, stride: int) -> tuple[Tensor, Tensor, slice]:
        """A path c2w (m, 4, 4), intrinsics (m, 4), and which of its latent frames are the flight's start .. end - 1.

        It begins with frame 0, and says of those latent frames what the whole way would say.
        """
        rows, skip = self.rows, 0
        if (
            start
        ):  # in place of all between them: frame 0, the last pose of the chunk before, this chunk's poses
            assert self.origin is not None
            rows = torch.cat([self.origin[None], rows[:1].expand(stride, -1), rows[1:]])
            skip = 2
        frames = grid.frames(skip + end - start, stride)
        if frames < stride <= len(rows):  # a first chunk of one latent frame still looks at poses 0 to 7
            frames = stride + 1
            rows = torch.cat([rows, rows[-1:].expand(max(0, frames - len(rows)), -1)])
        return *from_rows(rows[:frames]), slice(skip, skip + end - start)
