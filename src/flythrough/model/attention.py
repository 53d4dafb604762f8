"""Attention: a gated delta memory or softmax over frames, each with a branch that knows the camera's rays."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from flythrough.kernels.gated import gated
from flythrough.kernels.gdn import around, frame_updates, scan
from flythrough.kernels.lay import lay
from flythrough.kernels.taps import around as taps_around
from flythrough.kernels.taps import taps
from flythrough.kernels.turn import turn
from flythrough.model.config import ModelConfig
from flythrough.model.embed import Positions, RMSNorm
from flythrough.model.look import Look, look_back
from flythrough.model.state import LayerState, StreamState, frame_ranges
from flythrough.model.timeline import Timeline, visible_chunks

SILU_IS_ONE = 1.2784645  # silu of this is 1: a new output gate is open


class Attention(nn.Module):
    """What both kinds share: projections of the main and of the camera branch, gates, and how the branches join."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, self.heads, self.head_dim = config.width, config.heads, config.head_dim
        self.config = config
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.q_norm, self.k_norm = RMSNorm(width, eps=1e-5), RMSNorm(width, eps=1e-5)
        self.q_proj_cam, self.k_proj_cam = nn.Linear(width, width), nn.Linear(width, width)
        self.v_proj_cam, self.out_proj_cam = nn.Linear(width, width), nn.Linear(width, width)
        self.q_norm_cam, self.k_norm_cam = RMSNorm(width, eps=1e-5), RMSNorm(width, eps=1e-5)
        self.output_gate, self.proj = nn.Linear(width, width), nn.Linear(width, width)
        # in softmax blocks these lie unused, as in the released checkpoint
        self.beta_proj, self.gate_proj = nn.Linear(width, self.heads), nn.Linear(width, self.heads)
        self.A_log = nn.Parameter(torch.empty(self.heads).uniform_(1e-4, 16).log())
        rate = torch.empty(self.heads).uniform_(math.log(1e-3), math.log(0.1)).exp().clamp(min=1e-4)
        self.dt_bias = nn.Parameter(rate + torch.log(-torch.expm1(-rate)))
        for branch in (self.out_proj_cam.weight, self.out_proj_cam.bias, self.output_gate.weight):
            nn.init.zeros_(branch)
        nn.init.constant_(self.output_gate.bias, SILU_IS_ONE)

    def join(self, x: Tensor, main: Tensor, camera: Tensor, norm: Tensor | None = None) -> Tensor:
        """Branches (B, T, S, A, D), the main one to be divided by norm (B, T, S, A, 1), to the output (B, T, S, C)."""
        told = self.out_proj_cam(camera.flatten(-2).to(x.dtype))
        return self.proj(gated(main, told, self.output_gate(x), norm, dtype=x.dtype))

    def split(self, x: Tensor) -> Tensor:
        """(B, T, S, C) -> (B, T, S, A, D)."""
        return x.unflatten(-1, (self.heads, self.head_dim))


@dataclass(frozen=True)
class Told:
    """What a delta memory is asked and told. float32: q and k (B, T, S, heads, D), v (B, T, S, heads, R).

    beta  how much of it, (B, T, S, heads); or (B, T, 1, heads), of keys and values that hold the rest
    """

    q: Tensor
    k: Tensor
    v: Tensor
    beta: Tensor


class GatedDeltaAttention(Attention):
    """A memory of fixed size a head: frames correct what it says of their keys, and it fades."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.conv_k, self.conv_k_cam = KeyConv(config.width), KeyConv(config.width)

    def forward(
        self, x: Tensor, at: Positions, timeline: Timeline, past: LayerState | None, save: LayerState | None
    ) -> Tensor:
        """x (B, T, S, C). Everything after the projections is float32, whatever autocast says."""
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        k_cam = self.k_proj_cam(x)
        if save is not None:
            save.key_tail = _tail(k, past.key_tail if past else None)
            save.camera_key_tail = _tail(k_cam, past.camera_key_tail if past else None)
        k = self.conv_k(k, timeline, past.key_tail if past else None)
        across = self.config.camera_conv_across_chunks
        k_cam = self.conv_k_cam(k_cam, timeline, past.camera_key_tail if past and across else None, across)
        parts = q, k, v, self.q_proj_cam(x), k_cam, self.v_proj_cam(x)
        beta, pace = self.beta_proj(x), self.gate_proj(x.mean(2))
        beta = beta.float().sigmoid()  # (B, T, S, A)
        both, norm = (self._turned if torch.is_grad_enabled() else self._laid)(*parts, beta, at)
        with torch.autocast(x.device.type, enabled=False):
            decay = torch.exp(
                -self.A_log.float().exp() * functional.softplus(pace.float() + self.dt_bias.float())
            )
            memory, normaliser = (past.memory, past.normaliser) if past else (None, None)
            told, memory = self._remember(both, torch.cat([decay, decay], -1), timeline, memory)
            norm, normaliser = self._remember(norm, decay, timeline, normaliser)
            main, camera = told.split(self.heads, dim=-2)
            camera = from_rays(camera, at, x.dtype)
        if save is not None:
            save.memory, save.normaliser = memory, normaliser
        return self.join(x, main, camera, norm)

    def _turned(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        q_cam: Tensor,
        k_cam: Tensor,
        v_cam: Tensor,
        beta: Tensor,
        at: Positions,
    ) -> tuple[Told, Told]:
        """Projections (B, T, S, C) as the memory of both branches and the normaliser take them, with gradients."""
        q, k, q_cam, k_cam = self.q_norm(q), self.k_norm(k), self.q_norm_cam(q_cam), self.k_norm_cam(k_cam)
        with torch.autocast(q.device.type, enabled=False):
            v, q, k, q_cam, k_cam, v_cam = (self.split(part) for part in (v, q, k, q_cam, k_cam, v_cam))
            short = self._short(q)
            q_ray, _ = to_rays(q_cam, at, at.to_ray.transpose(-1, -2), relu=True)
            k_ray, growth = to_rays(k_cam, at, at.from_ray, relu=True, scale=short)
            v_ray, _ = to_rays(v_cam, at, at.from_ray)
            both = Told(
                q=torch.cat([turn(q, *at.rotary, relu=True)[0], q_ray], dim=-2),
                k=torch.cat([turn(k, *at.rotary, relu=True, scale=short)[0], k_ray], dim=-2),
                v=torch.cat([v.float(), v_ray], dim=-2),
                beta=torch.cat([beta, beta * _share(growth)], dim=-1),
            )
            q, k = functional.relu(q).float(), functional.relu(k).float() * short
            return both, Told(q, k, torch.ones_like(k[..., :1]), beta)

    def _laid(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        q_cam: Tensor,
        k_cam: Tensor,
        v_cam: Tensor,
        beta: Tensor,
        at: Positions,
    ) -> tuple[Told, Told]:
        """`_turned` without gradients and without copies: heads lie in front of cells, as products want them.

        Products of keys with keys and with values hold beta once, so each of these holds its root.
        """
        v, q, k, q_cam, k_cam, v_cam = (self.split(part) for part in (v, q, k, q_cam, k_cam, v_cam))
        root, A, short = beta.sqrt(), self.heads, self._short(q)
        asked, keys, values = (_heads_first(q, 2 * A) for _ in range(3))
        plain_q, plain_k = _heads_first(q, A), _heads_first(q, A)
        main, camera = slice(A), slice(A, None)
        lay(asked[..., main, :], q, at.rotary, weight=self.q_norm.weight, relu=True, plain=plain_q)
        lay(
            keys[..., main, :], k, at.rotary,
            weight=self.k_norm.weight, relu=True, scale=short, strength=root, plain=plain_k,
        )  # fmt: skip
        lay(values[..., main, :], v, strength=root)
        rays, to_ray, from_ray = at.camera_rotary, at.to_ray.transpose(-1, -2), at.from_ray
        gains = self.q_norm_cam.weight, self.k_norm_cam.weight
        lay(asked[..., camera, :], q_cam, rays, to_ray, weight=gains[0], relu=True, shrink=True)
        growth = lay(
            keys[..., camera, :], k_cam, rays, from_ray,
            weight=gains[1], relu=True, scale=short, shrink=True, strength=root,
        )  # fmt: skip
        lay(values[..., camera, :], v_cam, rays, from_ray, shrink=True, strength=root)
        assert growth is not None
        share = _share(growth)
        one = torch.ones_like(share)
        both = Told(asked, keys, values, torch.cat([one, share], dim=-1))
        return both, Told(plain_q, plain_k, root.unsqueeze(-1), one)

    def _short(self, q: Tensor) -> float:
        """What keeps the sum of a frame's S keys (B, T, S, A, D) small."""
        return (self.head_dim * q.shape[2]) ** -0.5

    @staticmethod
    def _remember(
        told: Told, decay: Tensor, timeline: Timeline, before: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Read the memory (B, A, R, D) that the frames before and the chunk's later frames have written.

        decay (B, T, A). Returns what is read (B, T, S, A, R) and the memory after the last frame.
        """
        k, v = told.k.transpose(2, 3), told.v.transpose(2, 3)  # (B, T, A, S, D)
        transition, write = frame_updates(k, v, told.beta.transpose(2, 3), decay)
        if torch.is_grad_enabled() or timeline.teacher:
            states = _forward(transition, write, timeline, before)
            after = states[:, -1]
            if timeline.longest > 1:
                states = states + _backward(transition, write, timeline)
        else:
            states = around(transition, write, timeline.bounds, before)
            after = states[:, -1]  # which nothing comes behind
        return (told.q.transpose(2, 3) @ states.transpose(-1, -2)).transpose(2, 3), after


class SoftmaxAttention(Attention):
    """Exact memory of the frames in its window."""

    def forward(
        self,
        x: Tensor,
        at: Positions,
        timeline: Timeline,
        past: LayerState | None,
        save: LayerState | None,
        stream: StreamState | None = None,
    ) -> Tensor:
        """x (B, T, S, C)."""
        dtype = x.dtype
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        parts = q, k, self.q_proj_cam(x), self.k_proj_cam(x), self.v_proj_cam(x)
        q, k, q_cam, k_cam, v_cam = (self._turned if torch.is_grad_enabled() else self._laid)(*parts, at)
        known = (k, self.split(v), k_cam, v_cam)
        with torch.autocast(x.device.type, enabled=False):
            main, camera = self._look((q, q_cam), known, timeline, past, stream)
            camera = from_rays(camera, at, dtype)
        if save is not None:
            save.window = known  # cut to the frames still in sight when the stream advances
        return self.join(x, main, camera)

    def _turned(
        self, q: Tensor, k: Tensor, q_cam: Tensor, k_cam: Tensor, v_cam: Tensor, at: Positions
    ) -> tuple[Tensor, ...]:
        """Projections (B, T, S, C) as attention takes them, (B, T, S, A, D), with gradients."""
        q, k, q_cam, k_cam = self.q_norm(q), self.k_norm(k), self.q_norm_cam(q_cam), self.k_norm_cam(k_cam)
        with torch.autocast(q.device.type, enabled=False):
            dtype = v_cam.dtype
            q, k, q_cam, k_cam, v_cam = (self.split(part) for part in (q, k, q_cam, k_cam, v_cam))
            q, k = turn(q, *at.rotary)[0], turn(k, *at.rotary)[0]
            q_cam, _ = to_rays(q_cam, at, at.to_ray.transpose(-1, -2))
            k_cam, v_cam = to_rays(k_cam, at, at.from_ray)[0], to_rays(v_cam, at, at.from_ray)[0]
            return tuple(part.to(dtype) for part in (q, k, q_cam, k_cam, v_cam))

    def _laid(
        self, q: Tensor, k: Tensor, q_cam: Tensor, k_cam: Tensor, v_cam: Tensor, at: Positions
    ) -> tuple[Tensor, ...]:
        """`_turned` without gradients, in one pass each."""
        rays, to_ray = at.camera_rotary, at.to_ray.transpose(-1, -2)
        laid = [torch.empty_like(self.split(v_cam)) for _ in range(5)]
        lay(laid[0], self.split(q), at.rotary, weight=self.q_norm.weight)
        lay(laid[1], self.split(k), at.rotary, weight=self.k_norm.weight)
        lay(laid[2], self.split(q_cam), rays, to_ray, weight=self.q_norm_cam.weight, shrink=True)
        lay(laid[3], self.split(k_cam), rays, at.from_ray, weight=self.k_norm_cam.weight, shrink=True)
        lay(laid[4], self.split(v_cam), rays, at.from_ray, shrink=True)
        return tuple(laid)

    def _look(
        self,
        queries: tuple[Tensor, Tensor],
        known: tuple[Tensor, ...],
        timeline: Timeline,
        past: LayerState | None,
        stream: StreamState | None,
    ) -> tuple[Tensor, Tensor]:
        """Chunk by chunk: the visible frames before it, then its own. Two results (B, T, S, A, D)."""
        held = stream.held if stream is not None else []
        chunks = held + [
            (timeline.first_chunk + i, end - begin) for i, (begin, end) in enumerate(timeline.chunks)
        ]
        looks = []
        for number, (begin, end) in enumerate(timeline.chunks):
            chunk = timeline.first_chunk + number
            seen = frame_ranges(chunks, set(visible_chunks(chunk, self.config.window, self.config.sink)))
            before = sum(frames for other, frames in chunks if other < chunk)
            looks.append(Look(begin, end, tuple(seen), before))
        if past is not None and past.window is not None:
            known = tuple(torch.cat([old, new], dim=1) for old, new in zip(past.window, known, strict=True))
        k, v, k_cam, v_cam = known
        (q, q_cam), teacher, config = queries, timeline.teacher, self.config
        main = look_back(q, k, v, tuple(looks), teacher, config.softmax_scale_main)
        return main, look_back(q_cam, k_cam, v_cam, tuple(looks), teacher, config.softmax_scale_camera)


class CrossAttention(nn.Module):
    """Every token reads the prompt. Its keys and values are computed once a flight."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, self.heads = config.width, config.text_heads
        self.q_linear, self.kv_linear = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)
        self.q_norm, self.k_norm = RMSNorm(width, eps=1e-6), RMSNorm(width, eps=1e-6)

    def prompt(self, text: Tensor) -> tuple[Tensor, Tensor]:
        """text (B, L, C) -> keys and values, each (B, A, L, D)."""
        k, v = self.kv_linear(text).chunk(2, dim=-1)
        heads = (self.heads, -1)
        return self.k_norm(k).unflatten(-1, heads).transpose(1, 2), v.unflatten(-1, heads).transpose(1, 2)

    def forward(self, x: Tensor, prompt: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        """x (B, T, S, C), mask (B, L) bool: True for real tokens."""
        q = self.q_norm(self.q_linear(x)).flatten(1, 2).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        k, v = prompt
        y = functional.scaled_dot_product_attention(q, k.to(q.dtype), v.to(q.dtype), mask[:, None, None])
        return self.proj(y.transpose(1, 2).flatten(-2).view(x.shape))


class KeyConv(nn.Module):
    """Four taps over time on projected keys, forwards and, inside a chunk, backwards; the centre counts once."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(width, 1, 4))
        nn.init.ones_(self.weight[..., 3])  # identity

    def forward(self, k: Tensor, timeline: Timeline, tail: Tensor | None, across: bool = True) -> Tensor:
        """k (B, T, S, C); tail (B, 3, S, C), the keys before the call."""
        if timeline.longest == 1 and across:  # nothing but the past
            return taps(k, self.weight.squeeze(1), tail, timeline.teacher)
        if not timeline.teacher and not torch.is_grad_enabled():
            return taps_around(k, self.weight.squeeze(1), timeline.bounds, tail, across)
        weights = self.weight.squeeze(1).unbind(-1)
        out = k * weights[3]
        for lag in (1, 2, 3):
            out = out + timeline.behind(k, lag, tail, across) * weights[3 - lag]
            later = timeline.ahead(k, lag)
            if later is not None:
                out = out + later * weights[3 - lag]
        return out


def to_rays(
    x: Tensor, at: Positions, matrix: Tensor, relu: bool = False, scale: float = 1.0
) -> tuple[Tensor, Tensor]:
    """x (B, T, S, A, D) in the frame of each token's ray, no longer than it was; and how its length has changed."""
    turned, growth = turn(x, *at.camera_rotary, matrix, relu=relu, scale=scale, shrink=True)
    assert growth is not None
    return turned, growth


def from_rays(x: Tensor, at: Positions, dtype: torch.dtype) -> Tensor:
    """The way back for what the camera branch has read."""
    cos, sin = at.camera_rotary
    if torch.is_grad_enabled():
        return turn(x.float(), cos, -sin, at.to_ray)[0].to(dtype)
    out = x.new_empty(x.shape, dtype=dtype)
    lay(out, x, (cos, -sin), at.to_ray)
    return out


def _share(growth: Tensor) -> Tensor:
    """How much less is written of longer camera keys: (B, T, 1, A) of growth (B, T, S, A)."""
    return 1 / growth.mean(2, keepdim=True).clamp(min=1)


def _heads_first(x: Tensor, heads: int) -> Tensor:
    """Room for float32 head vectors of x's tokens, (B, T, S, heads, D), whose memory is (B, T, heads, S, D)."""
    B, T, S, _, D = x.shape
    return x.new_empty(B, T, heads, S, D, dtype=torch.float32).transpose(2, 3)


def _forward(transition: Tensor, write: Tensor, timeline: Timeline, before: Tensor | None) -> Tensor:
    """The memory at every frame, itself included: (B, T, A, R, D)."""
    if not timeline.teacher:
        return scan(transition, write, before)
    half = len(write) // 2
    clean, change, own = scan(transition[:half], write[:half]), transition[half:], write[half:]
    begun = torch.cat([torch.zeros_like(clean[:, :1]), clean[:, :-1]], dim=1)  # before each frame
    if timeline.longest == 1:
        return torch.cat([clean, begun @ change + own])
    # a noisy chunk goes on from the clean memory before it, and from there on by itself
    first = _marked([start for start, _ in timeline.chunks], write)
    own = torch.where(first, begun @ change + own, own)
    return torch.cat([clean, scan(change.masked_fill(first, 0), own)])


def _backward(transition: Tensor, write: Tensor, timeline: Timeline) -> Tensor:
    """What the chunk's later frames write, from its end backwards, the frame itself not included."""
    last = _marked([end - 1 for _, end in timeline.chunks], write)  # nothing is known before these
    states = scan(transition.masked_fill(last, 0).flip(1), write.flip(1)).flip(1)
    later = timeline.ahead(states, 1)
    assert later is not None
    return later


def _marked(frames: list[int], like: Tensor) -> Tensor:
    """True at some frames, along axis 1 of like (B, T, A, R, D)."""
    marks = torch.zeros(like.shape[1], dtype=torch.bool, device=like.device)
    marks[frames] = True
    return marks.view(1, -1, 1, 1, 1)


def _tail(k: Tensor, before: Tensor | None) -> Tensor:
    """The last three frames of (B, T, S, C), reaching into the ones before, zeros before the flight."""
    if before is None:
        before = torch.zeros_like(k[:, :1]).expand(-1, 3, -1, -1)
    return torch.cat([before, k], dim=1)[:, -3:].clone()
