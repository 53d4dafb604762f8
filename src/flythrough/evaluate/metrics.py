"""Figures of merit as pure functions. Pictures are (..., H, W, 3), uint8 or float in 0..1."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from flythrough.errors import InputError

HIGHEST_DB = 60.0  # equal pictures: about the noise of rounding to 8 bits, so that means stay finite


def unit(pictures: Tensor) -> Tensor:
    """uint8 -> float32 in 0..1; floats pass."""
    return pictures.float() / 255 if pictures.dtype == torch.uint8 else pictures


def squared_error(pictures: Tensor, truth: Tensor) -> Tensor:
    """(..., H, W): the mean over the colours of the squared difference, full scale 1."""
    if pictures.shape != truth.shape:
        raise InputError(
            f"pictures of shape {tuple(pictures.shape)} cannot be compared with {tuple(truth.shape)}"
        )
    return (unit(pictures) - unit(truth)).square().mean(-1)


def decibels(error: Tensor) -> Tensor:
    """Mean squared error at full scale 1 -> PSNR in dB, at most HIGHEST_DB."""
    return -10 * error.clamp_min(10 ** (-HIGHEST_DB / 10)).log10()


def psnr(pictures: Tensor, truth: Tensor, *, pool: int = 2) -> Tensor:
    """PSNR in dB of every picture: (..., H, W, 3) twice -> (...).

    pool   how many of the last axes before the colours share one error: 2 is a picture (H, W), 3 is a clip
           (F, H, W). Squared errors are pooled; means over what remains are means of dB.
    """
    return decibels(squared_error(pictures, truth).flatten(-pool).mean(-1))


def pooled_psnr(errors: Tensor, pixels: Tensor) -> Tensor:
    """One PSNR of many pictures: summed squared errors (B,) over numbers of pixels (B,); NaN without pixels.

    Decibels of nearly empty masks are never averaged: a few easy pixels would blow the mean up.
    """
    total = pixels.double().sum()
    return decibels(errors.double().sum() / total) if total > 0 else torch.tensor(torch.nan)


def ssim(pictures: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity (...) of pictures (..., H, W, 3), 1 for equal ones.

    Gaussian window 11x11 of sigma 1.5, K1 = 0.01, K2 = 0.03, full windows only, mean over the colours.
    Source: Wang et al., 2004, doi 10.1109/TIP.2003.819861.
    """
    x, y = (unit(images).reshape(-1, *images.shape[-3:]).movedim(-1, 1) for images in (pictures, truth))
    mean_x, mean_y = _window(x), _window(y)
    var_x, var_y = _window(x * x) - mean_x**2, _window(y * y) - mean_y**2
    both = _window(x * y) - mean_x * mean_y
    light = (2 * mean_x * mean_y + 0.01**2) / (mean_x**2 + mean_y**2 + 0.01**2)
    shape = (2 * both + 0.03**2) / (var_x + var_y + 0.03**2)
    return (light * shape).mean((1, 2, 3)).reshape(pictures.shape[:-3])


def _window(images: Tensor) -> Tensor:
    """Gaussian mean (N, 3, H - 10, W - 10) of (N, 3, H, W)."""
    offsets = torch.arange(-5, 6, dtype=images.dtype, device=images.device)
    weights = torch.exp(-(offsets**2) / (2 * 1.5**2))
    weights = (weights / weights.sum()).expand(3, 1, 1, 11)
    across = functional.conv2d(images, weights, groups=3)
    return functional.conv2d(across, weights.mT, groups=3)


def sharpness(pictures: Tensor) -> Tensor:
    """(...): mean |dx|, the difference between a pixel and its right neighbour, full scale 1."""
    return unit(pictures).diff(dim=-2).abs().mean((-3, -2, -1))


def worst_tenth(values: Tensor) -> Tensor:
    """Mean of the lowest tenth of values (N,), at least one of them."""
    return values.sort().values[: max(1, len(values) // 10)].mean()


def spread(latents: Tensor) -> Tensor:
    """latents (B, C, T, H, W) -> (B, T): standard deviation over the cells of a frame, mean over channels.

    A picture that fades to fog has little of it, whatever its colour.
    """
    return latents.float().flatten(3).std(3).mean(1)


@dataclass(frozen=True)
class BestMatch:
    """hits (N, P) bool: the commanded path was the best match. margins (N, P): dB above the others' mean."""

    hits: Tensor
    margins: Tensor

    @property
    def share(self) -> float:
        return float(self.hits.float().mean())

    @property
    def margin(self) -> float:
        return float(self.margins.mean())

    def by_path(self) -> list[float]:
        """Share of hits of each of the P paths."""
        return self.hits.float().mean(0).tolist()


def best_match(scores: Tensor) -> BestMatch:
    """scores (N, P, P): PSNR of what was made along path i against the truth of path j. A tie is a miss."""
    paths = scores.shape[-1]
    right = scores.diagonal(dim1=-2, dim2=-1)
    own = torch.eye(paths, dtype=torch.bool, device=scores.device)
    best_wrong = scores.masked_fill(own, -torch.inf).amax(-1)
    mean_wrong = scores.masked_fill(own, 0).sum(-1) / (paths - 1)
    return BestMatch(right > best_wrong, right - mean_wrong)
