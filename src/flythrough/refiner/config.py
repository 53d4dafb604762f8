"""The refiner's shape, and what of the published config.json this implementation insists on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from flythrough.errors import InputError, WeightsError

RopeType = Literal["interleaved", "split"]


@dataclass(frozen=True, kw_only=True)
class RefinerConfig:
    """LTX-2.0's video transformer. The defaults are the release's, except that rope_type differs between conversions:
    take it from config.json, because the wrong one gives plausible nonsense."""

    layers: int = 48
    heads: int = 32
    head_dim: int = 128
    latent_channels: int = 128
    caption_channels: int = 3840
    norm_eps: float = 1e-6
    rope_type: RopeType = "interleaved"
    rope_theta: float = 10000.0
    base: tuple[int, int, int] = (
        20,
        2048,
        2048,
    )  # seconds, rows and columns in pixels that positions count to
    strides: tuple[int, int, int] = (8, 32, 32)  # pixel frames, rows and columns of a latent cell
    causal_offset: int = 1  # the first latent frame stands for one pixel frame
    timestep_scale: float = 1000.0

    def __post_init__(self) -> None:
        check_rope_type(self.rope_type)
        if self.head_dim % 2:
            raise InputError(f"head_dim is {self.head_dim}; positions turn pairs, so it must be even")

    @property
    def width(self) -> int:
        return self.heads * self.head_dim

    @classmethod
    def from_json(cls, path: Path) -> RefinerConfig:
        """Read a diffusers transformer/config.json (LTX2VideoTransformer3DModel).

        Raises WeightsError for another class, an unknown key, a missing rope_type, or a feature that the video path of
        LTX-2.0 does not have. Keys of the audio half are skipped.
        """
        fields = Fields(path, ("LTX2VideoTransformer3DModel", "SanaWMLTX2RefinerTransformer3DModel"))
        fields.skip(
            "audio_", "cross_attn_timestep_scale_multiplier", "perturbed_attn", "use_prompt_adaln_single"
        )
        fields.insist(
            patch_size=1,
            patch_size_t=1,
            gated_attn=False,
            cross_attn_mod=False,
            activation_fn="gelu-approximate",
            qk_norm="rms_norm_across_heads",
            norm_elementwise_affine=False,
            attention_bias=True,
            attention_out_bias=True,
            ff_bias=True,
            rope_double_precision=True,
            use_prompt_embeddings=True,
            use_keyframes_abs_pos_embedding=False,
        )
        config = cls(
            layers=fields.take("num_layers", cls.layers),
            heads=fields.take("num_attention_heads", cls.heads),
            head_dim=fields.take("attention_head_dim", cls.head_dim),
            latent_channels=fields.take("in_channels", cls.latent_channels),
            caption_channels=fields.take("caption_channels", cls.caption_channels),
            norm_eps=fields.take("norm_eps", cls.norm_eps),
            rope_type=fields.rope_type(),
            rope_theta=fields.take("rope_theta", cls.rope_theta),
            base=(
                fields.take("pos_embed_max_pos", cls.base[0]),
                fields.take("base_height", cls.base[1]),
                fields.take("base_width", cls.base[2]),
            ),
            strides=cast(tuple[int, int, int], tuple(fields.take("vae_scale_factors", cls.strides))),
            causal_offset=fields.take("causal_offset", cls.causal_offset),
            timestep_scale=fields.take("timestep_scale_multiplier", cls.timestep_scale),
        )
        fields.insist(out_channels=config.latent_channels, cross_attention_dim=config.width)
        fields.finish()
        return config


@dataclass(frozen=True, kw_only=True)
class ConnectorsConfig:
    """LTX-2.0's text connector, video branch. The defaults are the release's; rope_type as in RefinerConfig."""

    caption_channels: int = 3840
    states: int = 49  # of the text model: its embeddings and what each of 48 layers returns
    heads: int = 30
    head_dim: int = 128
    layers: int = 2
    registers: int = 128
    rope_type: RopeType = "interleaved"
    rope_theta: float = 10000.0
    base_tokens: int = 4096

    def __post_init__(self) -> None:
        check_rope_type(self.rope_type)
        if self.heads * self.head_dim != self.caption_channels:
            raise InputError(
                f"{self.heads} heads of {self.head_dim} do not make up caption_channels, {self.caption_channels}"
            )

    @classmethod
    def from_json(cls, path: Path) -> ConnectorsConfig:
        """Read a diffusers connectors/config.json (LTX2TextConnectors); raises WeightsError as RefinerConfig does."""
        fields = Fields(path, ("LTX2TextConnectors",))
        fields.skip("audio_", "causal_temporal_positioning", "video_hidden_dim")
        fields.insist(
            per_modality_projections=False,
            proj_bias=False,
            video_gated_attn=False,
            rope_double_precision=True,
        )
        config = cls(
            caption_channels=fields.take("caption_channels", cls.caption_channels),
            states=fields.take("text_proj_in_factor", cls.states),
            heads=fields.take("video_connector_num_attention_heads", cls.heads),
            head_dim=fields.take("video_connector_attention_head_dim", cls.head_dim),
            layers=fields.take("video_connector_num_layers", cls.layers),
            registers=fields.take("video_connector_num_learnable_registers", cls.registers),
            rope_type=fields.rope_type(),
            rope_theta=fields.take("rope_theta", cls.rope_theta),
            base_tokens=fields.take("connector_rope_base_seq_len", cls.base_tokens),
        )
        fields.finish()
        return config


class Fields:
    """A diffusers config.json that must be understood to the last key; faults are WeightsErrors naming the file."""

    def __init__(self, path: Path, classes: tuple[str, ...]) -> None:
        self.path = path
        try:
            loaded = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise WeightsError(f"{path}: not a readable JSON file ({error})") from error
        if not isinstance(loaded, dict) or loaded.get("_class_name") not in classes:
            raise WeightsError(f"{path}: not the config of {' or '.join(classes)} (key _class_name)")
        self._left = {key: value for key, value in loaded.items() if not key.startswith("_")}

    def take(self, key: str, default: Any) -> Any:
        """The value of a key; a file without it means the default, which must be of the same type."""
        value = self._left.pop(key, default)
        kinds = {float: (int, float), tuple: (list, tuple)}.get(type(default), (type(default),))
        if isinstance(value, bool) != isinstance(default, bool) or not isinstance(value, kinds):
            raise WeightsError(f"{self.path}: {key} is {value!r}; it must be like {default!r}")
        return value

    def rope_type(self) -> RopeType:
        """rope_type, which has no default: the published conversions differ in it."""
        if "rope_type" not in self._left:
            raise WeightsError(
                f'{self.path}: rope_type is missing; it must be "interleaved" or "split", as the weights were converted'
            )
        value = self._left.pop("rope_type")
        if value not in get_args(RopeType):
            raise WeightsError(f'{self.path}: rope_type is {value!r}; it must be "interleaved" or "split"')
        return value

    def insist(self, **values: Any) -> None:
        """Keys that may be absent, but may have no other value than this."""
        for key, value in values.items():
            given = self._left.pop(key, value)
            if given != value:
                raise WeightsError(
                    f"{self.path}: {key} is {given!r}, which this refiner cannot do; it must be {value!r}"
                )

    def skip(self, *prefixes: str) -> None:
        """Keys that do not matter here, by what they begin with."""
        self._left = {key: value for key, value in self._left.items() if not key.startswith(prefixes)}

    def finish(self) -> None:
        """Raise unless every key has been looked at."""
        if self._left:
            raise WeightsError(
                f"{self.path}: unknown key {sorted(self._left)[0]}; the file is of another version"
            )


def check_rope_type(value: str) -> None:
    """Raise InputError unless this is a way to lay out turned pairs."""
    if value not in get_args(RopeType):
        raise InputError(f'rope_type is {value!r}; it must be "interleaved" or "split"')
