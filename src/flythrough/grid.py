"""Frames and latent frames: F = stride (T - 1) + 1, here and nowhere else."""

from __future__ import annotations

from flythrough.errors import InputError

STRIDE = 8  # pixel frames a latent frame, except the first, which is one


def frames(latent_frames: int, stride: int = STRIDE) -> int:
    """F of T latent frames."""
    return stride * (latent_frames - 1) + 1


def latent_frames(frames: int, stride: int = STRIDE) -> int:
    """T of F frames; raises InputError where F is not 8k + 1."""
    check_frames(frames, stride)
    return (frames - 1) // stride + 1


def latent_frames_covering(frames: int, stride: int = STRIDE) -> int:
    """The smallest T that makes at least F frames."""
    return -(-(frames - 1) // stride) + 1


def check_frames(frames: int, stride: int = STRIDE) -> None:
    """Raise InputError unless the VAE can encode this many frames."""
    if frames < 1 or (frames - 1) % stride:
        nearest = nearest_frames(frames, stride)
        raise InputError(f"frames is {frames}, but the VAE needs {stride}k + 1; the nearest is {nearest}")


def nearest_frames(frames: int, stride: int = STRIDE) -> int:
    """The number of frames closest to this one that the VAE can encode; of two, the larger."""
    return max(0, (frames - 1 + stride // 2) // stride) * stride + 1
