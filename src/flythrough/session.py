"""Session: a flight in progress. Push where the camera goes, get what it sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from flythrough import grid
from flythrough.conditioning import CameraEncoding, Conditioning, encode_camera
from flythrough.errors import InputError
from flythrough.media import Film, Picture
from flythrough.model.state import StreamState
from flythrough.model.transformer import SanaWM
from flythrough.sampling.chunks import sample_chunk
from flythrough.tensors import dims, noise
from flythrough.text.base import Words
from flythrough.vae.base import VAEState, VideoVAE


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What a flight starts from.

    latent  (1, C, 1, h, w) float32: the first frame, encoded and normalised
    words   the prompt, on the latent's device
    """

    latent: Tensor
    words: Words


class Session:
    """One stream of frames. Memory and time of a push do not depend on how long the flight has lasted."""

    def __init__(
        self,
        model: SanaWM,
        vae: VideoVAE,
        opening: Opening,
        *,
        encoding: CameraEncoding,
        sigmas: tuple[float, ...],
        seed: int = 0,
        first_plus_one: bool = False,
        refine: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        """sigmas fall from 1 to 0, one step between two; first_plus_one: the first chunk has one frame more.

        refine: a second stage, which is given the latents of every chunk in order and returns those to be decoded.
        """
        self.model, self.vae, self.opening = model, vae, opening
        self.encoding, self.sigmas, self.seed = encoding, sigmas, seed
        self.latents: Tensor | None = None  # (1, C, n, h, w) of the chunk made last, before it is refined
        self._refine = refine
        self._device = opening.latent.device
        self._grid = dims(opening.latent, "B C T h w", B=1, T=1)
        self._plus_one = int(first_plus_one)
        self._stride, self._spatial = vae.temporal_stride, vae.spatial_stride
        self._state: StreamState = model.new_state()
        self._vae_state: VAEState | None = None
        self._chunks = 0  # made so far
        self._start = 0  # the latent frame that the next chunk starts at
        self._poses = torch.zeros(0, 4, 4, dtype=torch.float64)  # those the next chunk may still need ...
        self._lenses = torch.zeros(0, 4, dtype=torch.float64)
        self._before = 0  # ... the first of which is this pixel frame
        self._origin: tuple[Tensor, Tensor] | None = None  # pose and lens of pixel frame 0

    def push(self, c2w: Tensor, intrinsics: Tensor) -> Film:
        """Go on along c2w (n, 4, 4), in the same axes as all before, seen through intrinsics (n, 4) in pixels.

        Returns the frames (m, H, W, 3) uint8 that can be made of what is known now. A chunk waits until all its
        poses are there, and the first one for pose 7 too, so m may be 0; `finish` gives what is still owed.
        """
        n = dims(c2w, "n row column", row=4, column=4)[0]
        dims(intrinsics, "n fxfycxcy", n=n, fxfycxcy=4)
        self._poses = torch.cat([self._poses, c2w.detach().to("cpu", torch.float64)])
        self._lenses = torch.cat([self._lenses, intrinsics.detach().to("cpu", torch.float64)])
        if self._origin is None and n:
            self._origin = self._poses[0], self._lenses[0]
        film = [self._empty()]
        while self._known >= self._needed:
            film.append(self._make())
        return np.concatenate(film)

    def finish(self) -> Film:
        """The frames (m, H, W, 3) of all poses not seen yet: the camera stays where it is until the chunk is full."""
        if self._origin is None:
            raise InputError("the flight has no poses yet; push some first")
        owed = self._known - self._made
        film = self._empty()
        while owed > len(film):
            stay = self._needed - self._known
            film = np.concatenate(
                [film, self.push(self._poses[-1:].expand(stay, 4, 4), self._lenses[-1:].expand(stay, 4))]
            )
        return film[:owed]

    @property
    def chunk_frames(self) -> int:
        """Pixel frames a chunk: the natural number of poses to push at once."""
        return self.model.config.chunk * self._stride

    @property
    def _known(self) -> int:
        return self._before + len(self._poses)

    @property
    def _made(self) -> int:
        return grid.frames(self._start, self._stride) if self._start else 0

    @property
    def _end(self) -> int:
        """The latent frame that the next chunk ends before."""
        return self._start + self.model.config.chunk + (self._plus_one if self._start == 0 else 0)

    @property
    def _needed(self) -> int:
        """How many pixel frames' poses must be known for the next chunk; latent frame 0 looks at poses 0 to 7."""
        return max(grid.frames(self._end, self._stride), self._stride)

    @torch.inference_mode()
    def _make(self) -> Film:
        """Denoise and decode the next chunk."""
        start, end = self._start, self._end
        _, channels, _, rows, columns = self._grid
        first = self.opening.latent if start == 0 else None
        self.latents = sample_chunk(
            self.model,
            noise((1, channels, end - start, rows, columns), self.seed, self._chunks).to(self._device),
            self._conditioning(start, end),
            self._state,
            torch.tensor(self.sigmas),
            first,
        )
        shown = self.latents if self._refine is None else self._refine(self.latents)
        video, self._vae_state = self.vae.decode_chunk(shown, self._vae_state)
        self._start, self._chunks = end, self._chunks + 1
        keep = self._stride * (end - 1) - self._before  # the next chunk looks back at this chunk's last pose
        self._poses, self._lenses = self._poses[keep:], self._lenses[keep:]
        self._before += keep
        return to_film(video)

    def _conditioning(self, start: int, end: int) -> Conditioning:
        """All that the chunk's latent frames start .. end - 1 are told."""
        poses, lenses, skip = self._poses, self._lenses, 0
        if (
            start
        ):  # a short path that says the same: frame 0, the last pose of the chunk before, this chunk's poses
            assert self._origin is not None
            (pose, lens), still = self._origin, self._stride
            poses = torch.cat([pose[None], poses[:1].expand(still, 4, 4), poses[1:]])
            lenses = torch.cat([lens[None], lenses[:1].expand(still, 4), lenses[1:]])
            skip = 2
        frames = grid.frames(skip + end - start, self._stride)
        if (
            frames < self._stride <= len(poses)
        ):  # a first chunk of one latent frame still looks at poses 0 to 7
            frames = self._stride + 1
            poses, lenses = _held(poses, frames), _held(lenses, frames)
        height, width = (cells * self._spatial for cells in self._grid[3:])
        camera, plucker = encode_camera(
            poses[:frames], lenses[:frames], height, width, self.encoding, self._stride, self._spatial
        )
        wanted = slice(skip, skip + end - start)
        return Conditioning(
            text=self.opening.words.text,
            text_mask=self.opening.words.text_mask,
            camera=camera[wanted][None].to(self._device),
            plucker=plucker[:, wanted][None].to(self._device),
        )

    def _empty(self) -> Film:
        height, width = (cells * self._spatial for cells in self._grid[3:])
        return np.zeros((0, height, width, 3), np.uint8)


def to_film(video: Tensor) -> Film:
    """video (1, 3, n, H, W), about -1 to 1 -> frames (n, H, W, 3) uint8."""
    frames = ((video[0].float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return frames.permute(1, 2, 3, 0).contiguous().cpu().numpy()


def to_video(picture: Picture, device: torch.device) -> Tensor:
    """One picture (H, W, 3) uint8 -> video (1, 3, 1, H, W) float32 in [-1, 1]."""
    return (torch.from_numpy(picture).to(device).permute(2, 0, 1).float() / 127.5 - 1)[None, :, None]


def _held(values: Tensor, count: int) -> Tensor:
    """The first `count` rows; the last one is repeated where there are fewer."""
    missing = max(0, count - len(values))
    return torch.cat([values[:count], values[-1:].expand(missing, *values.shape[1:])])
