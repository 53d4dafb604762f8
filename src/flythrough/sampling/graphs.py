"""The steps of a stream as CUDA graphs: the same kernels on the same numbers, all launched at once.

A step of a chunk is thousands of small kernels, and launching them one by one takes the host longer than the GPU needs
to run them. From the fourth chunk or so on every step has the same shapes, so it is recorded once and replayed.
"""

from __future__ import annotations

import weakref
from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from flythrough.conditioning import Conditioning
from flythrough.kernels import fast_for
from flythrough.model.state import LayerState, StreamState
from flythrough.model.transformer import Embedded, SanaWM
from flythrough.tensors import tensors_in, with_tensors

MOST = 4  # shapes that are kept recorded


class Steps:
    """Calls a model for chunks of a stream, and answers as the model does.

    On a GPU, without gradients, a step whose shapes an earlier chunk has had is recorded, then replayed. A stream's
    state holds ordinary tensors before and after, so any number of flights share one of these, one call at a time.
    """

    def __init__(self, model: SanaWM) -> None:
        self.model = model
        self._met: dict[Hashable, int] = {}  # shapes, and the chunk that had them first
        self._recorded: dict[Hashable, Recording] = {}
        self._pool: Any = None

    def embed(self, cond: Conditioning, state: StreamState) -> Embedded:
        """As SanaWM.embed."""
        return self.model.embed(cond, state)

    def __call__(
        self, latents: Tensor, timestep: Tensor, told: Embedded, *, state: StreamState, save: bool = False
    ) -> Tensor:
        """As SanaWM.forward for one chunk (B, C, n, H, W) in the state's stream."""
        if not latents.is_cuda or torch.is_grad_enabled():
            return self.model(latents, timestep, told, state=state, save=save)
        shapes = _shapes(self.model, latents, timestep, told, state)
        recording = self._recorded.pop(shapes, None)
        if recording is None:
            if self._met.setdefault(shapes, state.chunks) == state.chunks:
                return self.model(latents, timestep, told, state=state, save=save)
            self._pool = self._pool or torch.cuda.graph_pool_handle()
            recording = Recording(self.model, self._pool, latents, timestep, told, state)
        self._recorded[shapes] = recording
        while len(self._recorded) > MOST:
            self._recorded.pop(next(iter(self._recorded)))  # that was not used for longest
        return recording(latents, timestep, told, state, save)


class Recording:
    """Steps of one shape. What a graph reads lies at fixed places; inputs are copied there, results from there."""

    def __init__(
        self,
        model: SanaWM,
        pool: Any,
        latents: Tensor,
        timestep: Tensor,
        told: Embedded,
        state: StreamState,
    ) -> None:
        self._model, self._pool = model, pool
        given = (latents, timestep, told, state.layers)
        with torch.inference_mode(False):
            self._inputs = with_tensors(given, (tensor.clone() for tensor in tensors_in(given)))
        self._state = replace(state, held=list(state.held))
        self._copied: list[weakref.ref[Tensor] | None] = [None] * len(list(tensors_in(given)))
        self._graphs: dict[bool, tuple[torch.cuda.CUDAGraph, Tensor, list[LayerState]]] = {}

    def __call__(
        self, latents: Tensor, timestep: Tensor, told: Embedded, state: StreamState, save: bool
    ) -> Tensor:
        self._copy((latents, timestep, told, state.layers))
        if save not in self._graphs:
            self._graphs[save] = self._record(save)
        graph, velocity, after = self._graphs[save]
        graph.replay()
        if save:
            state.advance((0, latents.shape[2]))
            copies = with_tensors(after, (tensor.clone() for tensor in tensors_in(after)))
            state.layers = [
                replace(new, text=old.text) for new, old in zip(copies, state.layers, strict=True)
            ]
        return velocity.clone()

    def _copy(self, given: tuple[Any, ...]) -> None:
        """Bring inputs to their places, but for tensors that are there already: nobody writes into them."""
        pairs = zip(tensors_in(given), tensors_in(self._inputs), strict=True)
        for place, (source, target) in enumerate(pairs):
            last = self._copied[place]
            if last is None or last() is not source:
                target.copy_(source)
                self._copied[place] = weakref.ref(source)

    def _record(self, save: bool) -> tuple[torch.cuda.CUDAGraph, Tensor, list[LayerState]]:
        """Run once, so that every kernel is compiled and chosen, then record."""
        graph = torch.cuda.CUDAGraph()
        casting, dtype = torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")
        # weights that are cast must be cast in the graph too: they may change before it is replayed
        cast_anew = torch.autocast("cuda", dtype, casting, cache_enabled=False)
        with torch.inference_mode(False), torch.no_grad(), cast_anew:
            self._step(save)
            with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
                velocity, layers = self._step(save)
        return graph, velocity, layers

    def _step(self, save: bool) -> tuple[Tensor, list[LayerState]]:
        latents, timestep, told, layers = self._inputs
        state = replace(
            self._state,
            layers=[replace(layer) for layer in layers],
            held=list(self._state.held),
            embedded={"text": told.text},
        )
        velocity = self._model(latents, timestep, told, state=state, save=save)
        return velocity, [replace(layer, text=None) for layer in state.layers]


def _shapes(model: SanaWM, latents: Tensor, timestep: Tensor, told: Embedded, state: StreamState) -> Hashable:
    """All that a recording depends on beside the numbers in its inputs."""
    given = (latents, timestep, told, state.layers)
    after = replace(state, held=list(state.held))
    kept = after.advance((0, latents.shape[2]))
    return (
        tuple((tensor.shape, tensor.dtype) for tensor in tensors_in(given)),
        tuple(layer.text is None for layer in state.layers),
        tuple(frames for _, frames in state.held),
        tuple(kept),
        next(model.parameters()).data_ptr(),
        torch.is_autocast_enabled("cuda"),
        fast_for(latents),
    )
