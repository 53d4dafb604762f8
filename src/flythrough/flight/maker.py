"""The making of one chunk: denoise, refine, decode."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from flythrough import grid
from flythrough.conditioning import Conditioning, encode_camera
from flythrough.film import Delivery, Later
from flythrough.flight.lanes import Helper, beside
from flythrough.flight.moment import Moment
from flythrough.flight.receipt import Receipt, Stopwatch
from flythrough.flight.terms import Opening, Terms
from flythrough.sampling.chunks import sample_chunk
from flythrough.sampling.graphs import Steps
from flythrough.tensors import noise
from flythrough.vae.base import VideoVAE


@dataclass(frozen=True)
class ChunkMaker:
    """Makes a flight's chunks. It has what holds for all of them; what changes is in the `Moment` it is given.

    So flights that have forked share one, and a moment from before gives the same chunk again. Latent and pixel frames
    are counted from the flight's first one. size: height and width of a frame.
    """

    steps: Steps
    vae: VideoVAE
    opening: Opening
    terms: Terms
    size: tuple[int, int]

    @property
    def device(self) -> torch.device:
        return self.opening.latent.device

    @property
    def chunk_frames(self) -> int:
        """Pixel frames a chunk."""
        return self.steps.model.config.chunk * self.vae.temporal_stride

    def end(self, now: Moment) -> int:
        """The latent frame that the next chunk ends before."""
        start = now.state.frames
        return start + self.steps.model.config.chunk + (self.terms.first_plus_one if start == 0 else 0)

    def needed(self, now: Moment) -> int:
        """How many pixel frames' poses must be known for the next chunk; latent frame 0 looks at poses 0 to 7."""
        return max(grid.frames(self.end(now), self.vae.temporal_stride), self.vae.temporal_stride)

    def frames_made(self, now: Moment) -> int:
        """Pixel frames of all chunks so far."""
        return grid.frames(now.state.frames, self.vae.temporal_stride) if now.state.frames else 0

    @torch.inference_mode()
    def make(self, now: Moment, helper: Helper, then: Callable[[Receipt], None]) -> Delivery | Later:
        """Make the next chunk, or have asked for it: its frames may be under way.

        now     knows `needed` poses; it moves on by the chunk
        helper  of this flight alone, for the decoding
        then    is called with the receipt when the frames are taken
        """
        watch, stride = Stopwatch(self.device), self.vae.temporal_stride
        start, end, number = now.state.frames, self.end(now), now.state.chunks
        frames, poses = self.frames_made(now), range(now.track.before, now.track.known)
        _, channels, _, rows, columns = self.opening.latent.shape
        now.hear()
        with helper.beside_it(), watch.part("model"):
            now.latents = sample_chunk(
                self.steps,
                noise((1, channels, end - start, rows, columns), self.terms.seed, number).to(self.device),
                self._conditioning(now, start, end),
                now.state,
                torch.tensor(self.terms.sigmas),
                self.opening.latent if start == 0 else None,
            )
        now.track = now.track.since(stride * (end - 1))  # the next chunk looks back at this one's last pose
        made = range(frames, self.frames_made(now))

        def arrived() -> None:
            prompts, seconds = now.speech.shares(number), watch.seconds()
            then(Receipt(chunk=number, frames=made, poses=poses, prompts=prompts, seconds=seconds))

        with ExitStack() as lanes:
            shown = now.latents
            if now.refinement:
                lanes.enter_context(beside("refine", shown))
                with watch.part("refine"):
                    shown = now.refinement(shown)
            lanes.enter_context(beside("decode", shown))
            return helper.decode(partial(self._decode, now, shown, watch, arrived))

    @torch.inference_mode()
    def _decode(self, now: Moment, shown: Tensor, watch: Stopwatch, arrived: Callable[[], None]) -> Delivery:
        with watch.part("decode"):
            video, now.vae = self.vae.decode_chunk(shown, now.vae)
            return Delivery(video, arrived)

    def _conditioning(self, now: Moment, start: int, end: int) -> Conditioning:
        """All that the chunk's latent frames start .. end - 1 are told."""
        assert now.heard is not None
        stride, spatial = self.vae.temporal_stride, self.vae.spatial_stride
        c2w, intrinsics, wanted = now.track.piece(start, end, stride)
        camera, plucker = encode_camera(c2w, intrinsics, *self.size, self.terms.encoding, stride, spatial)
        return Conditioning(
            text=now.heard.text,
            text_mask=now.heard.text_mask,
            camera=camera[wanted][None].to(self.device),
            plucker=plucker[:, wanted][None].to(self.device),
        )
