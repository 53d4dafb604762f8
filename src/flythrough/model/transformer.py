"""SanaWM: SANA-WM's world transformer. Embed, blocks, unembed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from flythrough.conditioning import Conditioning
from flythrough.errors import InputError
from flythrough.kernels.modulate import modulate
from flythrough.kernels.residual import residual
from flythrough.model.attention import CrossAttention, GatedDeltaAttention, SoftmaxAttention
from flythrough.model.config import ModelConfig
from flythrough.model.embed import CaptionEmbed, PatchEmbed, Positions, RMSNorm, TimestepEmbed, positions
from flythrough.model.mlp import GLUMBConvTemp
from flythrough.model.state import LayerState, StreamState
from flythrough.model.timeline import Timeline
from flythrough.tensors import dims


@dataclass(frozen=True)
class Embedded:
    """The conditioning as the blocks read it. text (B, L, C), text_mask (B, L), plucker (B, T, S, C)."""

    text: Tensor
    text_mask: Tensor
    plucker: Tensor
    at: Positions
    grid: tuple[int, int]


class SanaWM(nn.Module):
    """Predicts the velocity of latents, given text and camera. One class for every size and every way to run.

    Source: SANA-WM, arXiv 2605.15178, stage 1. Parameter names are the released checkpoint's.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.x_embedder = PatchEmbed(config.latent_channels, width)
        self.plucker_embedder = PatchEmbed(config.plucker_channels, width)
        self.raymap_embedder = PatchEmbed(3, width)  # in the checkpoint, but never used beside Plücker maps
        self.t_embedder = TimestepEmbed(width)
        self.t_block = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))
        self.y_embedder = CaptionEmbed(config.caption_channels, width)
        self.attention_y_norm = RMSNorm(width, eps=1e-5, gain=0.01)
        self.blocks = nn.ModuleList(
            Block(config, config.is_softmax(number)) for number in range(config.depth)
        )
        self.final_layer = FinalLayer(config)

    def forward(
        self,
        latents: Tensor,
        timestep: Tensor,
        cond: Conditioning | Embedded,
        *,
        bounds: tuple[int, ...] | None = None,
        state: StreamState | None = None,
        save: bool = False,
        teacher: bool = False,
        numbers: Tensor | None = None,
    ) -> Tensor:
        """The velocity noise - x0, (B, C, T, H, W) in float32.

        latents   (B, C, T, H, W); timestep (B, T), 0 to 1000, one a latent frame
        cond      of these frames; what `embed` has made of it serves several calls
        bounds    chunk borders 0 = b0 < b1 < ... = T; without them all frames see each other
        state     of `new_state`: go on where the last call that saved has stopped; save=True keeps this call's frames
        teacher   the batch is [clean | noisy]: see Timeline
        numbers   (T,) which of the flight's latent frames these are; by default those that come next
        Raises InputError where shapes do not fit together.
        """
        B, _, T, rows, columns = dims(latents, "B C T H W", C=self.config.latent_channels)
        dims(timestep, "B T", B=B, T=T)
        embedded = self.embed(cond, state, numbers) if isinstance(cond, Conditioning) else cond
        dims(embedded.plucker, "B T S C", B=B, T=T, S=rows * columns)
        timeline = Timeline(_checked(bounds, T), first_chunk=state.chunks if state else 0, teacher=teacher)
        x = self.x_embedder(latents)
        time = self.t_embedder(timestep)
        time6 = self.t_block(time).unflatten(-1, (6, -1))  # (B, T, 6, C)
        saved = [LayerState(text=old.text) for old in state.layers] if state and save else []
        for number, block in enumerate(self.blocks):
            past = state.layers[number] if state else None
            x = block(x, time6, embedded, timeline, past, saved[number] if saved else None, state)
        if state and saved:
            _advance(state, saved, timeline)
        return self.final_layer(x, time).permute(0, 3, 1, 2).unflatten(-1, (rows, columns)).float()

    def teacher_forcing(
        self,
        past: Tensor,
        noisy: Tensor,
        timestep: Tensor,
        cond: Conditioning,
        bounds: tuple[int, ...],
        numbers: Tensor | None = None,
    ) -> Tensor:
        """The velocity of `noisy` (B, C, T, H, W) at timestep (B, T), each chunk seeing `past` before it.

        past is told to be clean (timestep 0) and may be anything that a stream would remember.
        """
        velocity = self(
            torch.cat([past, noisy]),
            torch.cat([torch.zeros_like(timestep), timestep]),
            cond.joined(cond),
            bounds=bounds,
            teacher=True,
            numbers=numbers,
        )
        return velocity[len(past) :]

    def new_state(self) -> StreamState:
        """A stream that has not begun."""
        return StreamState([LayerState() for _ in self.blocks], self.config.window, self.config.sink)

    def embed(
        self, cond: Conditioning, state: StreamState | None = None, numbers: Tensor | None = None
    ) -> Embedded:
        """What `forward` makes of T latent frames' conditioning before anything else; the noise has no part in it.

        state, numbers  as there; raises InputError where shapes do not fit together
        """
        B, _, T, rows, columns = dims(cond.plucker, "B C T H W", C=self.config.plucker_channels)
        dims(cond.camera, "B T numbers", B=B, T=T, numbers=20)
        if numbers is None:
            numbers = torch.arange(T, device=cond.camera.device) + (state.frames if state else 0)
        kept = state.embedded if state else {}
        if "text" not in kept:
            kept["text"] = self.attention_y_norm(self.y_embedder(cond.text))
        with torch.autocast(cond.camera.device.type, enabled=False):
            at = positions(cond.camera, numbers, rows, columns, self.config.head_dim)
        plucker = self.plucker_embedder(cond.plucker)
        return Embedded(kept["text"], cond.text_mask.bool(), plucker, at, (rows, columns))


class Block(nn.Module):
    """Attention, the camera's rays, the prompt, the MLP; each added to what came in."""

    def __init__(self, config: ModelConfig, softmax: bool) -> None:
        super().__init__()
        width = config.width
        self.attn = SoftmaxAttention(config) if softmax else GatedDeltaAttention(config)
        self.plucker_proj = nn.Linear(width, width)
        self.cross_attn = CrossAttention(config)
        self.mlp = GLUMBConvTemp(config)
        self.norm = AdaNorm()
        self.scale_shift_table = nn.Parameter(torch.randn(6, width) / width**0.5)
        nn.init.zeros_(self.plucker_proj.weight)
        nn.init.zeros_(self.plucker_proj.bias)

    def forward(
        self,
        x: Tensor,
        time: Tensor,
        cond: Embedded,
        timeline: Timeline,
        past: LayerState | None = None,
        save: LayerState | None = None,
        stream: StreamState | None = None,
    ) -> Tensor:
        """x (B, T, S, C), time (B, T, 6, C). With a past, x goes on where it stopped; `save` takes what comes next."""
        table = (self.scale_shift_table + time).unsqueeze(3)  # each latent frame has its own noise level
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = table.unbind(2)  # (B, T, 1, C)
        extra = (stream,) if isinstance(self.attn, SoftmaxAttention) else ()
        x = self.add(
            x, gate_a, self.attn(self.norm(x, shift_a, scale_a), cond.at, timeline, past, save, *extra)
        )
        x = x + self.plucker_proj(cond.plucker)
        x = x + self.cross_attn(x, self._prompt(cond, past, save), cond.text_mask)
        return self.add(x, gate_m, self.mlp(self.norm(x, shift_m, scale_m), cond.grid, timeline, past, save))

    @staticmethod
    def add(x: Tensor, gate: Tensor, y: Tensor) -> Tensor:
        """x and y (B, T, S, C), gate (B, T, 1, C)."""
        return residual(x, y, gate=gate)

    def _prompt(
        self, cond: Embedded, past: LayerState | None, save: LayerState | None
    ) -> tuple[Tensor, Tensor]:
        if past is not None and past.text is not None:
            return past.text
        prompt = self.cross_attn.prompt(cond.text)
        for layer in (past, save):
            if layer is not None:
                layer.text = prompt
        return prompt


class AdaNorm(nn.Module):
    """LayerNorm without a gain of its own, then each frame's scale and shift."""

    def forward(self, x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        """x (B, T, S, C), shift and scale (B, T, 1, C)."""
        return modulate(x, shift, scale, eps=1e-6, centred=True)


class FinalLayer(nn.Module):
    """Back to latent channels, modulated by the noise level."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.norm = AdaNorm()
        self.scale_shift_table = nn.Parameter(torch.randn(2, config.width) / config.width**0.5)
        self.linear = nn.Linear(config.width, config.latent_channels)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """x (B, T, S, C), time (B, T, C)."""
        shift, scale = (self.scale_shift_table + time.unsqueeze(2)).unsqueeze(3).unbind(2)
        return self.linear(self.norm(x, shift, scale))


def _checked(bounds: tuple[int, ...] | None, frames: int) -> tuple[int, ...]:
    bounds = (0, frames) if bounds is None else tuple(bounds)
    if bounds[0] != 0 or bounds[-1] != frames or any(b <= a for a, b in pairwise(bounds)):
        raise InputError(
            f"chunk bounds are {bounds}; they must rise from 0 to the number of frames, {frames}"
        )
    return bounds


def _advance(state: StreamState, saved: list[LayerState], timeline: Timeline) -> None:
    """Make what a call has saved the state; of the softmax windows, keep what later chunks can see."""
    kept = state.advance(timeline.bounds)
    for old, new in zip(state.layers, saved, strict=True):
        if new.window is None:
            continue
        whole = new.window
        if old.window is not None:
            whole = tuple(torch.cat(pair, dim=1) for pair in zip(old.window, new.window, strict=True))
        new.window = tuple(torch.cat([part[:, a:b] for a, b in kept], dim=1) for part in whole)  # pyrefly: ignore
    state.layers = saved
