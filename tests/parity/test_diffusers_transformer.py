"""The transformer against diffusers' own, both with the same random weights and no branch left at zero."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from flythrough.conditioning import Conditioning
from flythrough.layouts import our_name
from flythrough.model.config import ModelConfig
from flythrough.model.transformer import SanaWM
from flythrough.verify import error

pytestmark = pytest.mark.filterwarnings("ignore")

TOLERANCE = 1e-4


@pytest.fixture(autouse=True)
def _nothing_is_rounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The peer rounds what enters softmax attention to bfloat16, in a float32 model too."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda self: self)


def peer(depth: int, heads: int, head_dim: int, channels: int, captions: int) -> Any:
    from diffusers.models.transformers.transformer_sana_wm import SanaWMTransformer3DModel

    model = SanaWMTransformer3DModel(
        in_channels=channels,
        num_layers=depth,
        hidden_size=heads * head_dim,
        num_attention_heads=heads,
        linear_head_dim=head_dim,
        caption_channels=captions,
        chunk_plucker_post_attn_blocks=depth,
    )
    for parameter in model.parameters():
        parameter.data = torch.randn_like(parameter) * (
            0.5 if parameter.ndim < 2 else parameter[0].numel() ** -0.5
        )
    return model.eval()


def renamed(model: Any) -> dict[str, Tensor]:
    """The peer's tensors under our names."""
    return {
        ours: tensor for name, tensor in model.state_dict().items() if (ours := our_name(name)) is not None
    }


def of_the_peer(model: Any, config: ModelConfig) -> SanaWM:
    """Ours with the peer's weights."""
    ours = SanaWM(config)
    ours.load_state_dict(renamed(model), strict=True)
    return ours.eval()


def poses(B: int, T: int) -> Tensor:
    """Random flights with a lens of their own for every frame: (B, T, 20)."""
    turns = torch.linalg.qr(torch.eye(3) + 0.2 * torch.randn(B, T, 3, 3)).Q
    turns = turns * torch.linalg.det(turns)[..., None, None]
    c2w = torch.eye(4).repeat(B, T, 1, 1)
    c2w[..., :3, :3], c2w[..., :3, 3] = turns, torch.randn(B, T, 3)
    lens = torch.tensor([4.0, 4.5, 2.2, 1.6]) + 0.3 * torch.randn(B, T, 4)
    return torch.cat([c2w.flatten(2), lens], -1)


@pytest.mark.parametrize(
    ("depth", "head_dim", "grid"),
    [(4, 24, (4, 3, 5)), (4, 32, (1, 2, 3)), (4, 40, (5, 4, 3)), (8, 24, (6, 3, 4)), (8, 112, (3, 2, 2))],
)
def test_a_forward_is_diffusers(depth: int, head_dim: int, grid: tuple[int, int, int]) -> None:
    B, heads, channels, captions, (T, H, W) = 2, 2, 8, 20, grid
    theirs = peer(depth, heads, head_dim, channels, captions)
    padded = next(size for size in (32, 64, 128) if head_dim <= size) if head_dim in (32, 64) else 128
    config = ModelConfig(
        depth=depth,
        heads=heads,
        head_dim=head_dim,
        latent_channels=channels,
        caption_channels=captions,
        mlp_ratio=3.0,
        softmax_scale_main=head_dim**-0.5,
        softmax_scale_camera=padded**-0.5,
    )
    ours = of_the_peer(theirs, config)
    latents, text = torch.randn(B, channels, T, H, W), torch.randn(B, 9, captions)
    mask = torch.arange(9) < torch.tensor([[9], [5]])
    timestep = 1000 * torch.rand(B, T)
    camera, plucker = poses(B, T), torch.randn(B, 48, T, H, W)

    with torch.no_grad():
        expected = theirs(
            hidden_states=latents,
            timestep=timestep[:, None],
            encoder_hidden_states=text[:, None],
            encoder_attention_mask=mask.long(),
            camera_conditions=camera,
            chunk_plucker=plucker,
            return_dict=False,
        )[0]
        velocity = ours(
            latents, timestep, Conditioning(text=text, text_mask=mask, camera=camera, plucker=plucker)
        )

    assert expected.std() > 0.1
    assert error(velocity, expected) <= TOLERANCE


@pytest.mark.gpu
def test_a_forward_at_full_size_is_diffusers_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """2.66 B parameters, three seconds of 704 x 1280; both round to bfloat16 wherever they do."""
    monkeypatch.undo()  # the peer rounds as it does
    from diffusers.models.transformers.transformer_sana_wm import SanaWMTransformer3DModel

    from flythrough.bench.stage1 import inputs, peer_call
    from flythrough.presets import PRESETS

    device = torch.device("cuda")
    with device:
        theirs: Any = SanaWMTransformer3DModel()
    for parameter in theirs.parameters():
        scale = 0.02 if parameter.ndim < 2 else parameter[0].numel() ** -0.5
        parameter.data.normal_(0, scale).add_(1.0 if parameter.ndim < 2 and parameter.mean() > 0.5 else 0.0)
    theirs = theirs.to(torch.bfloat16).eval()
    with torch.device("meta"):
        ours = SanaWM(PRESETS["sana-wm"].model)
    ours.load_state_dict(renamed(theirs), strict=True, assign=True)
    latents, timestep, cond = inputs(7, device)

    with torch.inference_mode():
        expected = peer_call(theirs, latents, timestep, cond)()
        velocity = ours.eval()(latents.bfloat16(), timestep, cond)

    assert expected.std() > 0.1
    assert error(velocity, expected) <= 2e-2
