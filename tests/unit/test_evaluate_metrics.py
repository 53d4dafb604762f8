"""Figures of merit against values worked out by hand or by scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate1d
from torch import Tensor

from flythrough.errors import InputError
from flythrough.evaluate import control, metrics, paths
from flythrough.evaluate.figures import Figure, Report, row


def pictures(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (*shape, 3), generator=generator, dtype=torch.uint8)


def test_psnr_of_a_constant_difference() -> None:
    truth = torch.zeros(2, 4, 5, 3)
    off = torch.stack([truth[0] + 0.1, truth[1] + 0.01])

    assert metrics.psnr(off, truth).tolist() == pytest.approx([20, 40], abs=1e-4)
    assert float(metrics.psnr(off, truth, pool=3)) == pytest.approx(-10 * math.log10(0.00505), abs=1e-4)


def test_bytes_and_floats_give_the_same_psnr() -> None:
    a, b = pictures(3, 8, 8), pictures(3, 8, 8, seed=1)

    torch.testing.assert_close(metrics.psnr(a, b), metrics.psnr(a.float() / 255, b.float() / 255))


def test_equal_pictures_are_finite() -> None:
    a = pictures(2, 16, 16)

    assert metrics.psnr(a, a).tolist() == [metrics.HIGHEST_DB] * 2
    assert metrics.ssim(a, a).tolist() == [1, 1]


def test_pictures_of_other_sizes_are_not_compared() -> None:
    with pytest.raises(InputError, match="cannot be compared"):
        metrics.psnr(pictures(8, 8), pictures(8, 9))


def test_pooled_psnr_weighs_pixels_and_not_clips() -> None:
    errors, pixels = torch.tensor([1.0, 9.0, 0.0]), torch.tensor([10.0, 990.0, 0.0])

    assert float(metrics.pooled_psnr(errors, pixels)) == pytest.approx(20)
    assert math.isnan(float(metrics.pooled_psnr(errors[2:], pixels[2:])))


def test_ssim_is_that_of_the_paper() -> None:
    a, b = pictures(20, 24), pictures(20, 24, seed=1)
    b = (0.6 * a.float() + 0.4 * b.float()).round().to(torch.uint8)
    x, y = (image.numpy().astype(np.float64) / 255 for image in (a, b))
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets**2) / 4.5)

    def mean(image: np.ndarray) -> np.ndarray:
        for axis in (0, 1):
            image = correlate1d(image, window / window.sum(), axis=axis)
        return image[5:-5, 5:-5]

    light = (2 * mean(x) * mean(y) + 1e-4) / (mean(x) ** 2 + mean(y) ** 2 + 1e-4)
    spread = mean(x * x) - mean(x) ** 2 + mean(y * y) - mean(y) ** 2
    shape = (2 * (mean(x * y) - mean(x) * mean(y)) + 9e-4) / (spread + 9e-4)

    assert float(metrics.ssim(a, b)) == pytest.approx(float((light * shape).mean()), abs=1e-5)


def test_ssim_of_two_constants_is_their_light_alone() -> None:
    a, b = torch.full((12, 12, 3), 0.2), torch.full((12, 12, 3), 0.4)

    expected = (2 * 0.08 + 1e-4) / (0.04 + 0.16 + 1e-4)
    assert float(metrics.ssim(a, b)) == pytest.approx(expected, abs=1e-4)


def test_sharpness_of_a_ramp_is_its_slope() -> None:
    ramp = torch.linspace(0, 0.9, 10)[None, :, None].expand(4, 10, 3)

    assert float(metrics.sharpness(ramp)) == pytest.approx(0.1)
    assert float(metrics.sharpness(ramp.transpose(0, 1))) == pytest.approx(0)


def test_worst_tenth() -> None:
    assert float(metrics.worst_tenth(torch.arange(40.0).flip(0))) == 1.5
    assert float(metrics.worst_tenth(torch.tensor([3.0, 2.0]))) == 2


def test_spread_is_over_cells_frame_by_frame() -> None:
    latents = torch.zeros(1, 2, 2, 1, 2)
    latents[0, 0, 1] = torch.tensor([[-1.0, 1.0]])

    assert metrics.spread(latents).tolist() == [[0, pytest.approx(2**0.5 / 2)]]


def test_best_match_counts_ties_as_misses() -> None:
    scores = torch.tensor([[[30.0, 20, 10], [25, 25, 10], [10, 40, 20]]])

    match = metrics.best_match(scores)

    assert match.hits.tolist() == [[True, False, False]]
    assert match.margins.tolist() == [[15, 7.5, -5]]
    assert match.share == pytest.approx(1 / 3)
    assert match.by_path() == [1, 0, 0]


def test_control_of_a_camera_that_obeys_and_of_one_that_is_stuck() -> None:
    obeys = 10 + 20 * torch.eye(13).expand(2, 13, 13)
    stuck = torch.full((2, 13, 13), 10.0)
    stuck[:, :, 0] = 30  # everything looks like standing still

    found = {f.name: f for f in control.figures({"model": obeys, "ceiling": obeys, "copied": stuck})}

    share = found["control: commanded path matches best"]
    assert (share.value, share.copied, share.wrong) == (1, pytest.approx(1 / 13), 0)
    assert found["control: right path above mean wrong"].value == 20
    assert found["control: still"].copied == 1
    assert found["control: yaw"].copied == 0
    assert share.verdict == "stretch"


def test_an_axis_counts_both_ways() -> None:
    scores = 10 + 20 * torch.eye(13)[None]
    scores[0, paths.SINGLE.index("+yaw"), 0] = 40

    assert control.by_axis(metrics.best_match(scores))["yaw"] == 0.5


@pytest.mark.parametrize(
    ("value", "bounds", "verdict"),
    [
        (27.0, {"at_least": 26, "stretch": 28}, "yes"),
        (28.0, {"at_least": 26, "stretch": 28}, "stretch"),
        (25.9, {"at_least": 26, "stretch": 28}, "no"),
        (1.4, {"at_least": 0.7, "at_most": 1.3}, "no"),
        (1.0, {"at_least": 0.7, "at_most": 1.3}, "yes"),
        (math.nan, {"at_least": 26}, "no"),
        (27.0, {}, ""),
    ],
)
def test_verdicts(value: float, bounds: dict[str, float], verdict: str) -> None:
    assert Figure("a", "b", value, **bounds).verdict == verdict  # pyrefly: ignore


def test_a_report_shows_every_figure() -> None:
    figures = [
        row("a", "one", {"model": 27.04, "copied": 20}, at_least=26),
        row("b", "two", {"model": 0.5}, "%"),
    ]
    report = Report({"model": "mini", "clips": 2, "steps": 4}, figures)

    assert report.table().row_count == 2
    assert [f["value"] for f in report.as_json()["figures"]] == [27.04, 0.5]
    assert (figures[0].shown(27.04), figures[1].shown(0.5), figures[0].shown(None)) == ("27.0", "50%", "")
