"""Frames for the tests of films; without pytest, since child processes use it too."""

from __future__ import annotations

import numpy as np


def noise_film(frames: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A coarse pattern that changes with every frame, so that no two frames can be taken for each other."""
    cells = np.random.default_rng(7).integers(40, 216, (frames, height // 16, width // 16, 3), np.uint8)
    return cells.repeat(16, 1).repeat(16, 2)
