"""Which pixels of a later frame were already seen in the first one, by the renderer's depth."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SAMPLE = 0.25  # the renderer's depth is that of a pixel's first sample, a quarter of a pixel from its corner


def seen_in_first(
    depth: Tensor,
    c2w: Tensor,
    intrinsics: Tensor,
    first_depth: Tensor,
    first_c2w: Tensor,
    first_intrinsics: Tensor,
    *,
    tolerance: float = 0.03,
) -> Tensor:
    """Mask (F, H, W) of the pixels whose world point the first frame shows.

    depth         (F, H, W) metres along z, inf for sky, of the later frames
    c2w           (F, 4, 4), intrinsics (F, 4) in pixels, of the later frames; first_* (H, W), (4, 4) and (4,)
    A point counts when it projects inside the first frame, within `tolerance` of the depth found there.
    Depth is handled as 1 / z, which is linear across a plane and 0 for sky, so both need no special case.
    """
    frames, height, width = depth.shape
    device = depth.device
    near = torch.where(torch.isfinite(depth), 1 / depth.clamp_min(1e-6), 0).double().flatten(1)  # (F, H W)
    move = (torch.linalg.inv(first_c2w.double().to(device)) @ c2w.double().to(device))[:, :3]  # (F, 3, 4)
    fx, fy, cx, cy = (value[:, None] for value in intrinsics.double().to(device).unbind(1))
    v, u = torch.meshgrid(
        torch.arange(height, dtype=torch.float64, device=device) + SAMPLE,
        torch.arange(width, dtype=torch.float64, device=device) + SAMPLE,
        indexing="ij",
    )
    x, y = (u.flatten() - cx) / fx, (v.flatten() - cy) / fy
    point = move @ torch.stack(
        [x, y, torch.ones_like(x), near], dim=1
    )  # (F, 3, H W), the point divided by its z

    ahead = point[:, 2] > 1e-9
    z = torch.where(ahead, point[:, 2], 1.0)
    fx, fy, cx, cy = first_intrinsics.double().to(device).unbind(0)
    column, row = fx * point[:, 0] / z + cx, fy * point[:, 1] / z + cy
    inside = ahead & (column >= 0) & (column < width) & (row >= 0) & (row < height)

    first = torch.where(torch.isfinite(first_depth), 1 / first_depth.clamp_min(1e-6), 0).to(device).float()
    place = torch.stack([(column - SAMPLE + 0.5) / width, (row - SAMPLE + 0.5) / height], dim=-1) * 2 - 1
    found = functional.grid_sample(
        first.expand(frames, 1, height, width),
        place.float().clamp(-2, 2)[:, None],
        padding_mode="border",
        align_corners=False,
    )[:, 0, 0].double()
    expected = near / z
    agrees = (found - expected).abs() <= tolerance * expected + 1e-4  # 1e-4 a metre: 10 km off counts as sky
    return (inside & agrees).view(frames, height, width)
