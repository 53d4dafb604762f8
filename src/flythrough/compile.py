"""torch.compile, applied to a built transformer from outside."""

from __future__ import annotations

import torch

from flythrough.model.transformer import Block, SanaWM


def compile_blocks(model: SanaWM) -> None:
    """Compile what is elementwise or nearly so; the rest has kernels of its own or is made of large products.

    Whole blocks take minutes to compile and come out no faster.
    """
    for block in model.blocks:
        assert isinstance(block, Block)
        block.norm.compile(fullgraph=True, dynamic=False)
        block.mlp.compile(fullgraph=True, dynamic=False)
        block.add = torch.compile(block.add, fullgraph=True, dynamic=False)
        block.attn.join = torch.compile(block.attn.join, fullgraph=True, dynamic=False)
