"""What the parts of an evaluation share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from flythrough.evaluate.figures import Report
from flythrough.evaluate.film import Flyer

Progress = Callable[[str, int, int], None]  # section, done, of how many


@dataclass
class Bench:
    """One evaluation while it runs: who flies, through which test worlds, and what has been found."""

    flyer: Flyer
    seeds: list[int]
    report: Report
    progress: Progress = lambda section, done, total: None

    @property
    def device(self) -> torch.device:
        return self.flyer.device

    def some(self, share: float) -> list[int]:
        """The first seeds: a share of them, at least one."""
        return self.seeds[: max(1, round(share * len(self.seeds)))]
