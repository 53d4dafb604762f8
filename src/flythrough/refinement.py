"""The second stage of a flight: latents in, finer latents out, in the order in which they are made."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import torch
from torch import Tensor

from flythrough.errors import InputError
from flythrough.presets import Refining
from flythrough.refiner.refine import refine_block, start
from flythrough.refiner.state import RefinerState
from flythrough.refiner.transformer import LTX2Refiner

KEPT = ("keys", "values", "sink_keys", "sink_values")
COUNTS = ("rows", "columns", "sink", "history", "block", "frames")


class Refinement:
    """Refines one flight. Called with the latents of each chunk in turn, or once with those of a whole clip."""

    def __init__(
        self, model: LTX2Refiner, plan: Refining, captions: Tensor, *, seed: int, fps: float
    ) -> None:
        """captions (1, L, C) of the text connector; seed of a generator of its own."""
        self.model, self.plan, self.captions, self.fps = model, plan, captions, fps
        # the same numbers as the official code's need its device and dtype: cuda and bfloat16
        self._generator = torch.Generator(model.proj_in.weight.device).manual_seed(seed)
        self.state: RefinerState | None = None
        self._shared = False  # whether another flight looks at the same windows

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
        elif self._shared:  # blocks are written into the windows in place
            self.state.keys, self.state.values = self.state.keys.clone(), self.state.values.clone()
        self._shared = False
        for z in latents.split(self.state.block, dim=2):
            *_, finer = refine_block(self.model, self.state, z, self._noise(z))
            parts.append(finer.to(latents))
        return torch.cat(parts, dim=2)

    @torch.inference_mode()
    def say(self, captions: Tensor) -> None:
        """Other words from the next call on, as many tokens or not."""
        self.captions = captions
        if self.state is not None:
            self.state.text_keys, self.state.text_values = self.model.text(captions)

    def copy(self) -> Refinement:
        """The same second stage, to go its own way. The windows are shared until one of the two goes on."""
        other = copy(self)
        other._generator = torch.Generator(self._generator.device)
        other._generator.set_state(self._generator.get_state())
        if self.state is not None:
            other.state = replace(self.state, levels=dict(self.state.levels))
            self._shared = other._shared = True
        return other

    def pack(self) -> tuple[dict[str, Tensor], dict[str, int]]:
        """All that the next call needs beside the captions, as tensors and counts."""
        tensors = {"noise": self._generator.get_state()}
        if self.state is None:
            return tensors, {}
        tensors |= {name: getattr(self.state, name) for name in KEPT}
        return tensors, {name: getattr(self.state, name) for name in COUNTS}

    @torch.inference_mode()
    def unpack(self, tensors: dict[str, Tensor], counts: dict[str, int]) -> None:
        """Go on where `pack` was called, with the captions given since; the tensors are on the model's device."""
        noise, own = tensors["noise"], self._generator.get_state()
        if noise.shape != own.shape:
            raise InputError(
                f"the flight was refined on another kind of device than {self._generator.device}, whose noise differs; "
                "go on there, or without the second stage"
            )
        self._generator.set_state(noise.cpu())
        if counts:
            text_keys, text_values = self.model.text(self.captions)
            self.state = RefinerState(
                config=self.model.config,
                fps=self.fps,
                text_keys=text_keys,
                text_values=text_values,
                **{name: tensors[name] for name in KEPT},  # pyrefly: ignore[bad-argument-type]
                **counts,  # pyrefly: ignore[bad-argument-type]
            )

    def _noise(self, like: Tensor) -> Tensor:
        """Drawn one after the other, once a block."""
        weight = self.model.proj_in.weight
        return torch.randn(like.shape, generator=self._generator, device=weight.device, dtype=weight.dtype)
