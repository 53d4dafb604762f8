"""The second stage of a flight: latents in, finer latents out, in the order in which they are made."""

from __future__ import annotations

import torch
from torch import Tensor

from flythrough.errors import InputError
from flythrough.presets import Refining
from flythrough.refiner.refine import refine_block, seeded_noise, start
from flythrough.refiner.state import RefinerState
from flythrough.refiner.transformer import LTX2Refiner


class Refinement:
    """Refines one flight. Called with the latents of each chunk in turn, or once with those of a whole clip."""

    def __init__(
        self, model: LTX2Refiner, plan: Refining, captions: Tensor, *, seed: int, fps: float
    ) -> None:
        """captions (1, L, C) of the text connector; seed of a generator of its own."""
        self.model, self.plan, self.captions, self.fps = model, plan, captions, fps
        weight = model.proj_in.weight
        self._noise = seeded_noise(seed, weight.device, weight.dtype)
        self.state: RefinerState | None = None

    @torch.inference_mode()
    def __call__(self, latents: Tensor) -> Tensor:
        """latents (1, C, n, h, w), the next of the flight; the first ones begin with the sink, which stays as it is.

        Returns as many, in the same dtype. Raises InputError where a first call holds no more than the sink.
        """
        parts, plan = [], self.plan
        if self.state is None:
            sink, latents = latents[:, :, : plan.sink], latents[:, :, plan.sink :]
            if not latents.shape[2]:
                raise InputError(f"there are {plan.sink} latent frames; the refiner needs more than its sink")
            self.state = start(
                self.model,
                sink,
                self.captions,
                fps=self.fps,
                block=plan.block or latents.shape[2],
                kv_max_frames=plan.kv_max_frames if plan.block else plan.sink,
            )
            parts.append(sink)
        for z in latents.split(self.state.block, dim=2):
            *_, finer = refine_block(self.model, self.state, z, self._noise(tuple(z.shape)))
            parts.append(finer.to(latents))
        return torch.cat(parts, dim=2)
