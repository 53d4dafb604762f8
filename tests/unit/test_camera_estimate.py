"""What is ours of estimating a lens: sizes, and the lens that fits points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from flythrough.camera.estimate import estimate, from_points, seen_size
from flythrough.errors import InputError


@pytest.mark.parametrize(("height", "width"), [(704, 1280), (4000, 3000), (100, 2000), (64, 64)])
def test_the_estimator_sees_as_much_as_its_budget_allows_in_the_same_shape(height: int, width: int) -> None:
    rows, columns = seen_size(height, width)
    assert rows % 14 == columns % 14 == 0
    assert 0.85 * 255_000 < rows * columns <= 255_000
    assert columns / rows == pytest.approx(width / height, rel=0.2)


def test_the_lens_that_made_the_points_is_found() -> None:
    rows, columns, fx, fy = 28, 42, 40.0, 38.0
    v, u = torch.meshgrid(torch.arange(rows) + 0.5, torch.arange(columns) + 0.5, indexing="ij")
    depth = 1 + 5 * torch.rand(rows, columns, dtype=torch.float64)
    rays = torch.stack([(u - columns / 2) / fx, (v - rows / 2) / fy, torch.ones(rows, columns)], -1).double()
    points = rays * depth[..., None]
    points[0, 0, 2] = -1  # one that lies behind does not count
    torch.testing.assert_close(
        from_points(points), torch.tensor([fx, fy, columns / 2, rows / 2], dtype=torch.float64)
    )


def test_nothing_ahead_is_no_lens() -> None:
    with pytest.raises(InputError, match="nothing in front"):
        from_points(-torch.ones(4, 4, 3))


def test_an_estimator_that_is_not_there_is_not_fetched(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="pi3, which is not installed"):
        estimate(np.zeros((64, 64, 3), np.uint8), tmp_path, torch.device("cpu"))
