"""What a stream carries from chunk to chunk. Its size does not depend on how long the flight has lasted."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from torch import Tensor

from flythrough.model.timeline import visible_chunks


@dataclass
class LayerState:
    """One block's memory; None is a stream that has not begun. B batch, A heads, D head size, S cells, C channels.

    memory      (B, 2A, D, D) float32: values by keys of the delta rule, main heads first, then the camera's
    normaliser  (B, A, 1, D) float32
    key_tail, camera_key_tail  (B, 3, S, C) the last projected keys before norm, for the short convolution
    window      keys and values after positions, main and camera, each (B, n, S, A, D): the frames still in sight
    mlp_tail    (B, 1, S, C) the last frame before the temporal tap
    text        keys and values of the prompt, (B, L, A, D) each; they never change during a flight
    """

    memory: Tensor | None = None
    normaliser: Tensor | None = None
    key_tail: Tensor | None = None
    camera_key_tail: Tensor | None = None
    window: tuple[Tensor, Tensor, Tensor, Tensor] | None = None
    mlp_tail: Tensor | None = None
    text: tuple[Tensor, Tensor] | None = None


@dataclass
class StreamState:
    """The memory of all blocks, and where the stream stands."""

    layers: list[LayerState]
    window: int | None
    sink: bool
    frames: int = 0  # latent frames made
    chunks: int = 0
    held: list[tuple[int, int]] = field(
        default_factory=list
    )  # (chunk, frames) of those in the softmax windows
    embedded: dict[str, Tensor] = field(default_factory=dict)  # the projected prompt

    def advance(self, bounds: tuple[int, ...]) -> list[tuple[int, int]]:
        """Count the chunks of a call; returns the frames [begin, end) of held + new that stay in the windows."""
        new = [(self.chunks + number, end - begin) for number, (begin, end) in enumerate(pairwise(bounds))]
        self.frames, self.chunks = self.frames + bounds[-1], self.chunks + len(new)
        wanted = set(visible_chunks(self.chunks, self.window, self.sink))
        kept = frame_ranges([*self.held, *new], wanted)
        self.held = [chunk for chunk in [*self.held, *new] if chunk[0] in wanted]
        return kept


def frame_ranges(chunks: list[tuple[int, int]], wanted: set[int]) -> list[tuple[int, int]]:
    """Frames [begin, end) of the wanted chunks in a row of (chunk, frames); neighbours are joined."""
    ranges: list[tuple[int, int]] = []
    begin = 0
    for chunk, frames in chunks:
        if chunk in wanted:
            if ranges and ranges[-1][1] == begin:
                ranges[-1] = (ranges[-1][0], begin + frames)
            else:
                ranges.append((begin, begin + frames))
        begin += frames
    return ranges
