"""Which triangle does each sample see? Plain torch, on any device.

Triangles are cut into the spans of samples that they cover, row by row; every covered sample is one entry of an
atomic minimum over (depth, triangle). Edge functions come from the homogeneous corners, so triangles that reach
behind the camera need no clipping. Source: Olano and Greer, Triangle scan conversion using 2-D homogeneous
coordinates, 1997.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

NEAR = 0.03  # metres; nothing closer to the camera's plane is seen
FAR_BITS = 0x7F7FFFFF  # the largest float32, as an integer: nothing there
HUGE = 1e7  # samples; stands for infinity in bounding boxes


def visible(triangles: Tensor, w2c: Tensor, intrinsics: Tensor, height: int, width: int) -> Tensor:
    """The nearest triangle of every sample, for F pinhole cameras at once.

    triangles (N, 3, 3) float32 world corners; w2c (F, 4, 4); intrinsics (F, 4) fx fy cx cy in samples, where sample
    (v, u) covers [u, u + 1] and is seen through its centre. Returns (F, height, width) int64: the float32 bits of the
    depth along z (metres) in the upper half, the triangle's number in the lower; the upper half is FAR_BITS where
    nothing is seen.
    """
    spans = cut(triangles, w2c, intrinsics, height, width)
    along, column = _samples(spans.first, spans.count)
    inverse = spans.plane[along, 0] * (column + 0.5) + spans.plane[along, 1]
    depth = (1 / inverse.clamp_min(1e-7)).view(torch.int32).long()
    entry = ((depth << 32) | spans.number[along]).masked_fill(inverse > 1 / NEAR, FAR_BITS << 32)
    packed = nothing(len(w2c), height, width, triangles.device)
    packed.view(-1).scatter_reduce_(0, spans.start[along] + column, entry, "amin")
    return packed


def nothing(frames: int, height: int, width: int, device: torch.device) -> Tensor:
    """What `visible` returns when nothing is seen."""
    return torch.full((frames, height, width), FAR_BITS << 32, dtype=torch.int64, device=device)


@dataclass
class Spans:
    """M runs of samples in a row that a triangle covers, nearest or not.

    start: the row's place in the flat picture; first, count: its columns; number: the triangle; all (M,) int64.
    plane (M, 2) float32: 1/z is plane[0] * (column + 0.5) + plane[1].
    """

    start: Tensor
    first: Tensor
    count: Tensor
    plane: Tensor
    number: Tensor


def cut(triangles: Tensor, w2c: Tensor, intrinsics: Tensor, height: int, width: int) -> Spans:
    """Project triangles and cut them into spans; arguments as for `visible`."""
    camera = torch.einsum("nij,fkj->fnik", triangles, w2c[:, :3, :3]) + w2c[:, None, None, :3, 3]
    z = camera[..., 2]
    fx, fy, cx, cy = (value[:, None, None] for value in intrinsics.unbind(1))
    x, y = fx * camera[..., 0] + cx * z, fy * camera[..., 1] + cy * z
    # Each side of the picture is a plane through the camera, so the tests hold behind it too.
    outside = (x < 0).all(-1) | (x > width * z).all(-1) | (y < 0).all(-1) | (y > height * z).all(-1)
    frame, number = ((z.amax(-1) > NEAR) & ~outside).nonzero(as_tuple=True)
    corners = torch.stack([x, y, z], dim=-1)[frame, number]  # (M, 3, 3) homogeneous
    edges, boxes, keep = _edges(corners, *_perspective_box(corners), height, width)
    triangle, row, first, count = _spans(edges, boxes)
    plane = edges.sum(1)[triangle]  # the sum of the corner weights over z is 1 / z
    return Spans(
        start=(frame[keep][triangle] * height + row) * width,
        first=first,
        count=count,
        plane=torch.stack([plane[:, 0], plane[:, 1] * (row + 0.5) + plane[:, 2]], dim=1),
        number=number[keep][triangle],
    )


def nearest_depth(points: Tensor, origin: Tensor, texel: float, size: int) -> Tensor:
    """Depth map of triangles seen in parallel projection: the sun's view, or a plan of the ground.

    points (N, 3, 3): corners as (u, v, depth) in metres; the map starts at origin (2,) and has size x size texels of
    `texel` metres. Returns (size, size) float32, row v and column u; 1e6 where there is nothing.
    """
    corners = torch.cat([(points[..., :2] - origin) / texel, torch.ones_like(points[..., :1])], dim=-1)
    low, high = corners[..., :2].amin(1), corners[..., :2].amax(1)
    edges, boxes, keep = _edges(corners, low, high, size, size)
    triangle, row, first, count = _spans(edges, boxes)
    along, sample_x = _samples(first, count)
    plane = (edges * points[keep, :, 2, None]).sum(1)[triangle]
    depth = plane[:, 0][along] * (sample_x + 0.5) + (plane[:, 1] * (row + 0.5) + plane[:, 2])[along]
    nearest = torch.full((size * size,), 1e6, device=points.device)
    nearest.scatter_reduce_(0, (row * size)[along] + sample_x, depth, "amin")
    return nearest.view(size, size)


def _perspective_box(corners: Tensor) -> tuple[Tensor, Tensor]:
    """Bounds (M, 2) on the picture of what lies before the near plane: corners, and edges where they cross it."""
    z = corners[..., 2]
    front = z > NEAR
    following = corners.roll(-1, 1)
    share = (NEAR - z) / (following[..., 2] - z)
    crossing = corners + share[..., None] * (following - corners)
    seen = torch.where(front[..., None], corners[..., :2] / z.clamp_min(NEAR)[..., None], torch.nan)
    crosses = front ^ front.roll(-1, 1)
    points = torch.cat([seen, torch.where(crosses[..., None], crossing[..., :2] / NEAR, torch.nan)], dim=1)
    low = torch.nan_to_num(points, nan=HUGE, posinf=HUGE, neginf=-HUGE).amin(1)
    high = torch.nan_to_num(points, nan=-HUGE, posinf=HUGE, neginf=-HUGE).amax(1)
    return low, high


def _edges(
    corners: Tensor, low: Tensor, high: Tensor, height: int, width: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Edge functions and integer boxes of the triangles that can cover a sample.

    Returns edges (K, 3, 3), so that edges . (x, y, 1) are the three corner weights over z, boxes (K, 4) x0 x1 y0 y1
    (half open), and which triangles they are (K,).
    """
    limit = torch.tensor([width, height], dtype=torch.float32, device=corners.device)
    start = torch.minimum((low - 0.5).ceil().clamp_min(0), limit)
    end = torch.minimum((high - 0.5).floor().add(1).clamp_min(0), limit)
    a, b, c = corners.unbind(1)
    edges = torch.stack([torch.linalg.cross(b, c), torch.linalg.cross(c, a), torch.linalg.cross(a, b)], dim=1)
    area = (a * edges[:, 0]).sum(-1)
    keep = ((end > start).all(1) & (area.abs() > 1e-10)).nonzero().squeeze(1)
    boxes = torch.stack([start[:, 0], end[:, 0], start[:, 1], end[:, 1]], dim=1)[keep]
    return edges[keep] / area[keep, None, None], boxes.long(), keep


def _spans(edges: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Cut triangles into rows: (triangle, row, first sample, number of samples), int64, empty rows left out."""
    heights = boxes[:, 3] - boxes[:, 2]
    triangle, offset = _repeat(heights)
    row = offset + boxes[triangle, 2]
    a = edges[triangle, :, 0]
    b = edges[triangle, :, 1] * (row + 0.5)[:, None] + edges[triangle, :, 2]
    zero = -b / a  # where the edge function a x + b changes its sign
    left = torch.where(a > 0, zero, -HUGE).amax(1).sub(0.5).ceil().clamp(-HUGE, HUGE).long()
    right = torch.where(a < 0, zero, HUGE).amin(1).sub(0.5).floor().clamp(-HUGE, HUGE).long() + 1
    left, right = torch.maximum(left, boxes[triangle, 0]), torch.minimum(right, boxes[triangle, 1])
    count = (right - left).clamp_min(0).masked_fill(((a == 0) & (b < 0)).any(1), 0)
    keep = count.nonzero().squeeze(1)
    return triangle[keep], row[keep], left[keep], count[keep]


def _samples(first: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Every sample of every span: the span's number and the sample's column."""
    along, offset = _repeat(count)
    return along, offset + first[along]


def _repeat(counts: Tensor) -> tuple[Tensor, Tensor]:
    """Number i counts[i] times, and the place in each run: (2, 0, 3) -> (0 0 2 2 2), (0 1 0 1 2)."""
    number = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
    start = torch.cumsum(counts, 0) - counts
    return number, torch.arange(len(number), device=counts.device) - start[number]
