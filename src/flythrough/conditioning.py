"""Conditioning: all that enters the model beside the latents, and how a camera path becomes part of it."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from flythrough.camera import intrinsics as lens
from flythrough.camera.pose import relative_to, relative_to_first
from flythrough.camera.rays import plucker_windows, raymap, window_frames


@dataclass(frozen=True, kw_only=True)
class CameraEncoding:
    """In which units and against what a model is told its poses. The defaults are the 2.6B release's.

    translation_scale          metres become this many units in the pose vectors
    relative_plucker           each latent frame's rays are told relative to the anchor before it, less the rays of a
                               camera that stayed there: small numbers, however long the flight has lasted
    plucker_gain               what those differences are multiplied with
    plucker_translation_scale  metres become this many units in the moments
    """

    translation_scale: float = 1.0
    relative_plucker: bool = False
    plucker_gain: float = 1.0
    plucker_translation_scale: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Conditioning:
    """What a model is told of T latent frames, in float32.

    text       (B, L, Ct) token states, text_mask (B, L) bool, True for real tokens
    camera     (B, T, 20) pose vectors: c2w (OpenCV axes, relative to the first frame) row by row, fx fy cx cy in cells
    plucker    (B, 48, T, H, W)
    """

    text: Tensor
    text_mask: Tensor
    camera: Tensor
    plucker: Tensor

    def clips(self, which: slice) -> Conditioning:
        """Some clips of the batch."""
        return Conditioning(**{field.name: getattr(self, field.name)[which] for field in fields(self)})

    def frames(self, which: slice) -> Conditioning:
        """Some latent frames of every clip."""
        return Conditioning(
            text=self.text,
            text_mask=self.text_mask,
            camera=self.camera[:, which],
            plucker=self.plucker[:, :, which],
        )

    def joined(self, other: Conditioning) -> Conditioning:
        """This batch, followed by another one."""
        names = [field.name for field in fields(self)]
        return Conditioning(
            **{name: torch.cat([getattr(self, name), getattr(other, name)]) for name in names}
        )


def encode_camera(
    c2w: Tensor,
    intrinsics: Tensor,
    height: int,
    width: int,
    encoding: CameraEncoding,
    stride: int = 8,
    spatial: int = 32,
) -> tuple[Tensor, Tensor]:
    """A camera path as the model reads it.

    c2w         (..., F, 4, 4), OpenCV axes, metres, any world
    intrinsics  (..., F, 4) fx fy cx cy in pixels of a picture height x width
    Returns camera (..., T, 20) and plucker (..., 6 stride, T, height / spatial, width / spatial), float32.
    """
    rows, columns = height // spatial, width // spatial
    poses = relative_to_first(c2w.double())
    k = lens.scaled(intrinsics.double(), 1 / spatial, 1 / spatial)
    camera = raymap(_in_units(poses, encoding.translation_scale), k, stride)

    at = window_frames(poses.shape[-3], stride).to(poses.device)  # (T, stride)
    windows, lenses = poses[..., at, :, :], k[..., at, :]
    if not encoding.relative_plucker:
        windows = _in_units(windows, encoding.plucker_translation_scale)
        return camera, plucker_windows(windows, lenses, rows, columns) * encoding.plucker_gain

    anchors = (torch.arange(len(at), device=poses.device) * stride - stride).clamp(min=0)  # (T,)
    before, lens_before = poses[..., anchors, None, :, :], k[..., anchors, None, :]
    moved = _in_units(relative_to(windows, before), encoding.plucker_translation_scale)
    still = torch.eye(4, dtype=poses.dtype, device=poses.device).expand_as(before)
    difference = plucker_windows(moved, lenses, rows, columns) - plucker_windows(
        still.expand_as(moved), lens_before.expand_as(lenses), rows, columns
    )
    return camera, difference * encoding.plucker_gain


def _in_units(poses: Tensor, scale: float) -> Tensor:
    poses = poses.clone()
    poses[..., :3, 3] *= scale
    return poses
