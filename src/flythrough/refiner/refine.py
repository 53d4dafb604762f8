"""From finished latents to finer ones: noise to sigma 0.91, three Euler steps back, block by block or all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import torch
from torch import Tensor

from flythrough.errors import InputError
from flythrough.flow import clean
from flythrough.refiner.state import Level, RefinerState
from flythrough.refiner.transformer import LTX2Refiner
from flythrough.tensors import dims

SIGMAS = (0.909375, 0.725, 0.421875, 0.0)  # the release is distilled to these
Noise = Callable[[tuple[int, ...]], Tensor]  # a shape -> standard normal; asked once a block, in order


def seeded_noise(seed: int, device: torch.device | str, dtype: torch.dtype) -> Noise:
    """Draws one after the other from a generator of their own.

    The same numbers as the official code's need its device and dtype: cuda and bfloat16.
    """
    generator = torch.Generator(device).manual_seed(seed)
    return lambda shape: torch.randn(shape, generator=generator, device=device, dtype=dtype)


@torch.no_grad()
def refine_blocks(
    model: LTX2Refiner,
    latents: Tensor,
    captions: Tensor,
    noise: Noise,
    *,
    fps: float,
    sink: int = 1,
    block: int = 3,
    kv_max_frames: int | None = 11,
    sigmas: tuple[float, ...] = SIGMAS,
) -> Iterator[Tensor]:
    """Refine a clip block by block over a sliding window: how the streaming release is meant to run.

    latents        (B, C, T, H, W) of stage 1, normalised; their first `sink` frames stay as they are
    captions       (B, L, caption channels) of the text connector
    kv_max_frames  latent frames remembered at most, the sink's included and the block at hand not; at `sink` or below
                   blocks know nothing of each other, None remembers everything
    Yields the finished blocks (B, C, n, H, W) of frames sink, sink + 1, ..., in the model's dtype.
    Raises InputError where shapes do not fit. Source: SANA-WM's streaming refiner, arXiv 2605.15178.
    """
    frames = latents.shape[2]
    _check_length(frames, sink)
    state = start(
        model,
        latents[:, :, :sink],
        captions,
        fps=fps,
        block=block,
        kv_max_frames=kv_max_frames,
        frames=frames,
    )
    for begin in range(sink, frames, block):
        z = latents[:, :, begin : begin + block]
        last = begin + block >= frames
        for guess in refine_block(model, state, z, noise(tuple(z.shape)), sigmas, remember=not last):
            z = guess
        yield z


@torch.no_grad()
def refine_whole(
    model: LTX2Refiner,
    latents: Tensor,
    captions: Tensor,
    noise: Noise,
    *,
    fps: float,
    sink: int = 1,
    sigmas: tuple[float, ...] = SIGMAS,
) -> Iterator[Tensor]:
    """Refine all frames at once, each seeing all: how the bidirectional release is meant to run. Arguments as above.

    The sink sees itself alone, so its keys and values do not depend on the noise level, and all else is one long block.
    Yields that block (B, C, T - sink, H, W). For progress within it, loop over `refine_block` as this function does.
    """
    frames = latents.shape[2]
    _check_length(frames, sink)
    state = start(model, latents[:, :, :sink], captions, fps=fps, block=frames - sink, kv_max_frames=sink)
    z = latents[:, :, sink:]
    for guess in refine_block(model, state, z, noise(tuple(z.shape)), sigmas, remember=False):
        z = guess
    yield z


@torch.no_grad()
def start(
    model: LTX2Refiner,
    first: Tensor,
    captions: Tensor,
    *,
    fps: float,
    block: int = 3,
    kv_max_frames: int | None = 11,
    frames: int | None = None,
) -> RefinerState:
    """The state of a flight whose first latent frames (B, C, sink, H, W) are the sink; arguments as in refine_blocks.

    frames: how many latent frames the flight has at most, if that is known. It saves memory where they are few, and
    must be given for kv_max_frames None.
    """
    config, weight = model.config, model.proj_in.weight
    B, _, sink, rows, columns = dims(first, "B C T H W", C=config.latent_channels)
    if sink < 1 or block < 1:
        raise InputError(f"sink is {sink} and block is {block}; both must be at least 1")
    history = _history(sink, block, kv_max_frames, frames)
    text_keys, text_values = model.text(captions)
    if text_keys.shape[1] != B:
        raise InputError(
            f"captions have a batch of {text_keys.shape[1]}, latents one of {B}; they must be the same"
        )

    def buffer(layers: int, slots: int) -> Tensor:
        shape = (layers, B, slots, rows * columns, config.heads, config.head_dim)
        return torch.empty(shape, device=weight.device, dtype=weight.dtype)

    windows, slots = config.layers if history else 1, sink + history + block
    state = RefinerState(
        config=config,
        fps=fps,
        rows=rows,
        columns=columns,
        sink=sink,
        history=history,
        block=block,
        keys=buffer(windows, slots),
        values=buffer(windows, slots),
        sink_keys=buffer(config.layers, sink),
        sink_values=buffer(config.layers, sink),
        text_keys=text_keys,
        text_values=text_values,
    )
    model.remember(first.to(weight), _level(model, state, 0.0), state.place_sink(), state, as_sink=True)
    state.frames = sink
    return state


@torch.no_grad()
def refine_block(
    model: LTX2Refiner,
    state: RefinerState,
    z: Tensor,
    noise: Tensor,
    sigmas: tuple[float, ...] = SIGMAS,
    *,
    remember: bool = True,
) -> Iterator[Tensor]:
    """Refine the next latent frames of a flight, then remember them; the state moves on by n frames.

    z, noise  (B, C, n, H, W), n no more than the state's block; noise standard normal
    sigmas    falling to 0
    Yields the current guess of the block at each step, (B, C, n, H, W) in the model's dtype; the last one is the
    result, and the state has moved on when it comes. Steps are float32, what lies between them has the model's dtype.
    """
    weight = model.proj_in.weight
    n = dims(z, "B C T H W", H=state.rows, W=state.columns)[2]
    if n > state.block:
        raise InputError(f"a block of {n} latent frames was given; this state takes {state.block} at most")
    place = state.place_block(n)
    start_at = sigmas[0]
    mixed = (1 - start_at) * z.to(weight).float() + start_at * noise.to(weight).float()
    x = mixed.to(weight.dtype)
    for now, after in pairwise(sigmas):
        v = model(x, _level(model, state, now), place, state)
        x0 = clean(x.float(), v.float(), torch.tensor(now)).to(weight.dtype)
        x = torch.lerp(x0.float(), x.float(), after / now).to(weight.dtype)
        if after > 0:
            yield x0
    if remember and state.history:
        model.remember(x, _level(model, state, 0.0), place, state)
    state.frames += n
    yield x


def _level(model: LTX2Refiner, state: RefinerState, sigma: float) -> Level:
    if sigma not in state.levels:
        state.levels[sigma] = model.level(sigma)
    return state.levels[sigma]


def _history(sink: int, block: int, kv_max_frames: int | None, frames: int | None) -> int:
    """Latent frames to remember beside the sink; never more than there are before the last block."""
    if kv_max_frames is None and frames is None:
        raise InputError(
            "kv_max_frames is None, to remember everything; then frames must say how much that is"
        )
    limits = [] if kv_max_frames is None else [kv_max_frames - sink]
    if frames is not None:
        limits.append((-(-(frames - sink) // block) - 1) * block)
    return max(0, min(limits))


def _check_length(frames: int, sink: int) -> None:
    if frames <= sink:
        raise InputError(
            f"the clip has {frames} latent frames; to refine it there must be more than the sink's {sink}"
        )
