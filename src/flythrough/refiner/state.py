"""What the refiner carries from block to block. Its size does not depend on how long the flight has lasted."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from flythrough.refiner.config import RefinerConfig
from flythrough.refiner.rope import Rotary, turn, video_rotary


@dataclass(frozen=True)
class Level:
    """A noise level as the model reads it: table (6, C) for the blocks, last (C,) for the output."""

    table: Tensor
    last: Tensor


@dataclass(frozen=True)
class Place:
    """Where n latent frames stand. One object serves all steps of a block, so all of a step's shapes are fixed.

    rotary   cos and sin (n, S, A, D/2)
    slots    (n,) int64: the frames of the windows that take their keys and values
    visible  the frames of the windows that they attend to: a slice where it can be, so that nothing is copied
    """

    rotary: Rotary
    slots: Tensor
    visible: slice | Tensor


@dataclass(frozen=True)
class Window:
    """One layer's keys and values as views of the state, (B, slots, S, A, D), and where a sink is to be kept."""

    keys: Tensor
    values: Tensor
    sink: tuple[Tensor, Tensor] | None = None


@dataclass
class RefinerState:
    """The sink, the frames remembered, the block at hand, and the prompt. B batch, S cells, A heads, D head size.

    keys, values            (layers, B, sink + history + block, S, A, D): the sink first, then a ring in which a block's
                            frames take the place of those that have gone out of sight. Keys are turned by their place.
                            Without history nothing outlives a layer, and all layers share one: (1, B, ...)
    sink_keys, sink_values  (layers, B, sink, S, A, D), keys not turned yet: the sink's place moves with the window
    text_keys, text_values  (layers, B, L, A, D); they never change during a flight
    levels                  the noise levels met so far
    sink, history, block    latent frames: kept for good, remembered at most, refined at once at most
    frames                  latent frames so far, the sink's included: where the next block begins
    """

    config: RefinerConfig
    fps: float
    rows: int
    columns: int
    sink: int
    history: int
    block: int
    keys: Tensor
    values: Tensor
    sink_keys: Tensor
    sink_values: Tensor
    text_keys: Tensor
    text_values: Tensor
    levels: dict[float, Level] = field(default_factory=dict)
    frames: int = 0
    sink_rotary: Rotary | None = None  # of the block at hand

    @property
    def held(self) -> int:
        """Latent frames in memory beside the sink."""
        return min(self.history, self.frames - self.sink)

    def window(self, layer: int, *, save_sink: bool = False) -> Window:
        """One layer's keys and values; with save_sink, those written are kept as the sink's, too."""
        if save_sink:
            row = layer if self.history else 0
            return Window(self.keys[row], self.values[row], (self.sink_keys[layer], self.sink_values[layer]))
        if self.history:
            return Window(self.keys[layer], self.values[layer])
        self._put_sink(layer, 0)
        return Window(self.keys[0], self.values[0])

    def place_sink(self) -> Place:
        """The sink on its own, at the beginning."""
        slots = torch.arange(self.sink, device=self.keys.device)
        return Place(self._rotary(0, self.sink), slots, slice(0, self.sink))

    def place_block(self, frames: int) -> Place:
        """The next n frames, which see the sink, what is remembered, and each other.

        The sink moves to where it lies just before the oldest frame remembered. Source: the refiner of
        SANA-WM, arXiv 2605.15178; that no history means no memory is the official code's rule, and not diffusers'.
        """
        held, ring = self.held, self.history + self.block
        self.sink_rotary = self._rotary(self.frames - held - self.sink, self.sink)
        if self.history:
            for layer in range(len(self.sink_keys)):
                self._put_sink(layer, layer)
        first = self.frames - self.sink if self.history else 0
        seen = torch.arange(first - held, first + frames, device=self.keys.device) % ring + self.sink
        visible: slice | Tensor = slice(0, self.sink + len(seen))
        if (
            first > held and len(seen) < ring
        ):  # a block shorter than the others: some frames in the ring have gone
            visible = torch.cat([torch.arange(self.sink, device=seen.device), seen])
        return Place(self._rotary(self.frames, frames), seen[held:], visible)

    def _rotary(self, first: int, frames: int) -> Rotary:
        return video_rotary(self.config, first, frames, self.rows, self.columns, self.fps, self.keys.device)

    def _put_sink(self, layer: int, row: int) -> None:
        assert self.sink_rotary is not None, "place_block comes first"
        self.keys[row, :, : self.sink] = turn(self.sink_keys[layer], self.sink_rotary, self.config.rope_type)
        self.values[row, :, : self.sink] = self.sink_values[layer]
