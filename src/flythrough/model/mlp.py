"""The gated convolution between cells of a frame, with a temporal tap."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from flythrough.kernels.glu import glu
from flythrough.model.config import ModelConfig
from flythrough.model.state import LayerState
from flythrough.model.timeline import Timeline

AT_ONCE = 2**28  # elements of the expanded tokens


class Conv(nn.Module):
    """A convolution under the checkpoint's name."""

    def __init__(self, *args: int, **options: int | bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(*args, **options)  # pyrefly: ignore

    @property
    def matrix(self) -> Tensor:
        """A 1x1 kernel as (out, in)."""
        return self.conv.weight.flatten(1)


class GLUMBConvTemp(nn.Module):
    """Expand, mix 3x3 neighbours, gate, contract; then add a look at the frame before and, inside a chunk, after."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, hidden = config.width, config.hidden
        self.inverted_conv = Conv(width, 2 * hidden, 1)
        self.depth_conv = Conv(2 * hidden, 2 * hidden, 3, padding=1, groups=2 * hidden)
        self.point_conv = Conv(hidden, width, 1, bias=False)
        self.t_conv = nn.Conv2d(width, width, (3, 1), padding=(1, 0), bias=False)
        nn.init.zeros_(self.t_conv.weight)

    def forward(
        self,
        x: Tensor,
        grid: tuple[int, int],
        timeline: Timeline,
        past: LayerState | None,
        save: LayerState | None,
    ) -> Tensor:
        """x (B, T, S, C), S cells of a grid (rows, columns)."""
        if torch.is_grad_enabled():
            u = self._inside_frames(x, grid)
        else:  # a minute at full size would be gigabytes here, and over 2**31 elements with guidance
            frames = max(1, AT_ONCE // (len(x) * x.shape[2] * self.inverted_conv.conv.out_channels))
            u = torch.cat([self._inside_frames(part, grid) for part in x.split(frames, dim=1)], dim=1)
        before, here, after = self.t_conv.weight.squeeze(-1).movedim(-1, 0).contiguous()  # (C, C) each
        tail = past.mlp_tail if past else None
        if save is not None:
            save.mlp_tail = u[:, -1:].clone()
        if not torch.is_grad_enabled() and not timeline.teacher:
            return _in_time(u, before, here, after, timeline, tail)
        out = u + functional.linear(u, here)
        out = out + functional.linear(timeline.behind(u, 1, tail), before)
        later = timeline.ahead(u, 1)
        if later is not None:
            out = out + functional.linear(later, after)
        return out

    def _inside_frames(self, x: Tensor, grid: tuple[int, int]) -> Tensor:
        """The part that does not look at other frames, (B, T, S, C)."""
        expanded = functional.silu(
            functional.linear(x, self.inverted_conv.matrix, self.inverted_conv.conv.bias)
        )
        depth = self.depth_conv.conv
        assert depth.bias is not None
        mixed = glu(expanded, grid, depth.weight, depth.bias)
        return functional.linear(mixed, self.point_conv.matrix)


def _in_time(
    u: Tensor, before: Tensor, here: Tensor, after: Tensor, timeline: Timeline, tail: Tensor | None
) -> Tensor:
    """u with its frame before, itself, and its frame after in the chunk, through (C, C) each; sums in place."""
    out, width = u.clone(memory_format=torch.contiguous_format), u.shape[-1]

    def add(target: Tensor, source: Tensor, matrix: Tensor) -> None:
        for to, part in zip(target, source, strict=True):  # a clip's frames lie together
            to.view(-1, width).addmm_(part.reshape(-1, width), matrix.T.to(u.dtype))

    add(out, u, here)
    add(out[:, 1:], u[:, :-1], before)
    if tail is not None:
        add(out[:, :1], tail, before)
    for begin, end in timeline.chunks:
        if end - begin > 1:
            add(out[:, begin : end - 1], u[:, begin + 1 : end], after)
    return out
