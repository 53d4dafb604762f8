"""Endless randomness: numbers that depend only on a key and on integer places."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Field = Callable[[Floats], Floats]  # places (N, 2) x z -> (N,)


def key(*parts: object) -> int:
    """A 64-bit key from a split, a seed, a kind, a purpose..."""
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def uniforms(stream: int, i: NDArray[np.int64], j: NDArray[np.int64], count: int) -> Floats:
    """(N, count) numbers in [0, 1) for the places (i, j), each (N,) int64. Source: the splitmix64 finaliser."""
    with np.errstate(over="ignore"):
        place = i.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) ^ (
            j.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F) + np.uint64(stream)
        )
        steps = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0xD6E8FEB86659FD93)
        x = _mix(place)[:, None] + steps
        return (_mix(x) >> np.uint64(11)).astype(np.float64) / 2**53


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def lattice(stream: int, spacing: float, points: Floats, reach: float, count: int) -> tuple[Floats, Floats]:
    """Jittered lattice places within `reach` metres of points (P, 2), as (N, 2) x z, and (N, count) uniforms each."""
    low = np.floor((points.min(0) - reach) / spacing).astype(np.int64)
    high = np.ceil((points.max(0) + reach) / spacing).astype(np.int64)
    i, j = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1), indexing="ij")
    i, j = i.ravel(), j.ravel()
    near = distance_to(np.stack([i, j], axis=1) * spacing, points) < reach
    i, j = i[near], j[near]
    numbers = uniforms(stream, i, j, count + 2)
    places = (np.stack([i, j], axis=1) + 0.15 + 0.7 * numbers[:, :2]) * spacing
    return places, numbers[:, 2:]


def distance_to(places: Floats, points: Floats) -> Floats:
    """Distance (N,) from places (N, 2) to the nearest of points (P, 2)."""
    if len(points) == 1:
        return np.linalg.norm(places - points, axis=1)
    from scipy.spatial import KDTree

    return KDTree(points).query(places)[0]


def smooth(stream: int, places: Floats, wavelength: float) -> Floats:
    """Value noise (N,) in 0..1: one number a lattice place, blended in between."""
    scaled = places / wavelength
    base = np.floor(scaled)
    share = scaled - base
    share = share * share * (3 - 2 * share)
    i, j = base.astype(np.int64).T
    corner = _corners(stream, i, j)
    left = corner[0] + (corner[1] - corner[0]) * share[:, 1]
    right = corner[2] + (corner[3] - corner[2]) * share[:, 1]
    return left + (right - left) * share[:, 0]


def _corners(stream: int, i: NDArray[np.int64], j: NDArray[np.int64]) -> list[Floats]:
    """The numbers at the four corners of lattice cells (i, j), each (N,); hashed once a corner where cells crowd."""
    ends = ((0, 0), (0, 1), (1, 0), (1, 1))
    if not len(i):
        return [np.zeros(0)] * 4
    rows, columns = int(i.max() - i.min()) + 2, int(j.max() - j.min()) + 2
    if rows * columns > 3 * len(i):
        return [uniforms(stream, i + a, j + b, 1)[:, 0] for a, b in ends]
    p, q = np.meshgrid(np.arange(rows) + i.min(), np.arange(columns) + j.min(), indexing="ij")
    table = uniforms(stream, p.ravel(), q.ravel(), 1)[:, 0]
    place = (i - i.min()) * columns + (j - j.min())
    return [table[place + a * columns + b] for a, b in ends]


def rolling(stream: int, amplitude: float, wavelength: float) -> Field:
    """Gentle hills: four octaves of value noise, about -amplitude to amplitude."""

    def height(places: Floats) -> Floats:
        total = np.zeros(len(places))
        for octave, share in enumerate((0.62, 0.24, 0.10, 0.04)):
            total += share * (2 * smooth(stream + octave, places, wavelength / 2**octave) - 1)
        return 1.6 * amplitude * total

    return height
