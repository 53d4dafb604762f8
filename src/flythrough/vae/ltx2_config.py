"""The shape of the LTX-2 video autoencoder, and how it is read from a checkpoint's config.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

from flythrough.errors import InputError, WeightsError

STRIDES = {"spatial": (1, 2, 2), "temporal": (2, 1, 1), "spatiotemporal": (2, 2, 2)}  # time, rows, columns
PATCH = 4  # a pixel of the finest grid is 4x4 pixels of the picture


@dataclass(frozen=True, kw_only=True)
class LTX2VAEConfig:
    """Names and order are those of config.json; the defaults are the 1.222 B release.

    Encoder widths run from fine to coarse, decoder widths too, and a decoder stage works at half its width.
    The last number of layers_per_block and of decoder_layers_per_block belongs to the middle block.
    Raises InputError when the numbers do not make one autoencoder.
    """

    latent_channels: int = 128
    block_out_channels: tuple[int, ...] = (256, 512, 1024, 2048)
    layers_per_block: tuple[int, ...] = (4, 6, 6, 2, 2)
    downsample_type: tuple[str, ...] = ("spatial", "temporal", "spatiotemporal", "spatiotemporal")
    decoder_block_out_channels: tuple[int, ...] = (256, 512, 1024)
    decoder_layers_per_block: tuple[int, ...] = (5, 5, 5, 5)
    decoder_causal: bool = False  # False: the bidirectional release; True: the streaming one

    def __post_init__(self) -> None:
        widths, ups = self.block_out_channels, self.decoder_block_out_channels
        if not len(widths) == len(self.downsample_type) == len(self.layers_per_block) - 1:
            raise InputError(
                "block_out_channels and downsample_type must have one number a stage, "
                "layers_per_block one more for the middle block"
            )
        if len(ups) != len(self.decoder_layers_per_block) - 1:
            raise InputError(
                "decoder_block_out_channels must have one number a stage, "
                "decoder_layers_per_block one more for the middle block"
            )
        if unknown := sorted(set(self.downsample_type) - set(STRIDES)):
            raise InputError(f"downsample_type is {unknown[0]!r}; it must be one of {', '.join(STRIDES)}")
        for inputs, outputs, kind in zip(
            (self.latent_channels, *widths), widths, self.downsample_type, strict=False
        ):
            folded = prod(STRIDES[kind])
            if outputs % folded or inputs * folded % outputs:
                raise InputError(f"block_out_channels: a {kind} step cannot go from {inputs} to {outputs}")
        if any(2 * fine != coarse for fine, coarse in pairwise(ups)) or ups[0] % 8:
            raise InputError(
                f"decoder_block_out_channels is {ups}; each must be twice the one before, "
                "and the first a multiple of 8"
            )
        if (self.temporal_stride, self.spatial_stride) != (2 ** len(ups), PATCH * 2 ** len(ups)):
            raise InputError(
                f"the encoder folds {self.temporal_stride} frames of {self.spatial_stride} pixels, "
                f"but the decoder unfolds {2 ** len(ups)} of {PATCH * 2 ** len(ups)}"
            )

    @property
    def temporal_stride(self) -> int:
        return prod(STRIDES[kind][0] for kind in self.downsample_type)

    @property
    def spatial_stride(self) -> int:
        return PATCH * prod(STRIDES[kind][1] for kind in self.downsample_type)

    @classmethod
    def from_json(cls, source: Path | str | Mapping[str, Any]) -> LTX2VAEConfig:
        """Read the config.json of a checkpoint: a path, or what is in it.

        Knows diffusers' AutoencoderKLLTX2Video and NVIDIA's AutoencoderKLCausalLTX2Video. A key that is
        absent has its class's default. Raises WeightsError, which names the key, for a file that cannot be
        read, another class, an unknown key, and any structure that this code does not compute.
        """
        where, stored = _read(source)
        kind = stored.get("_class_name")
        if kind not in DECODER_CAUSAL:
            raise WeightsError(
                f"{where}: _class_name is {kind!r}; it must be one of {', '.join(DECODER_CAUSAL)}"
            )
        ours = {field.name for field in fields(cls)}
        for key, value in stored.items():
            if key in FIXED and not _agrees(value, FIXED[key]):
                raise WeightsError(f"{where}: {key} is {value!r}; flythrough knows only {FIXED[key]!r}")
            if key not in FIXED and key not in ours | IGNORED | set(RATIOS):
                raise WeightsError(f"{where}: {key} is a setting that flythrough does not know")
        values: dict[str, Any] = {"decoder_causal": DECODER_CAUSAL[kind]}
        for key in ours & set(stored):
            values[key] = tuple(stored[key]) if isinstance(stored[key], list) else stored[key]
        for key, value in values.items():
            _check_type(where, key, value, getattr(cls, key))
        try:
            config = cls(**values)
        except InputError as error:
            raise WeightsError(f"{where}: {error}") from None
        for key, stride in RATIOS.items():
            if stored.get(key) not in (None, getattr(config, stride)):
                raise WeightsError(
                    f"{where}: {key} is {stored[key]}, but its stages make {getattr(config, stride)}"
                )
        return config


# diffusers documents False and defaults to True, so its own file must say which; None fails the type check.
DECODER_CAUSAL = {"AutoencoderKLLTX2Video": None, "AutoencoderKLCausalLTX2Video": True}
RATIOS = {"spatial_compression_ratio": "spatial_stride", "temporal_compression_ratio": "temporal_stride"}
IGNORED = {
    "_class_name",
    "_diffusers_version",
    "_name_or_path",
    "gradient_checkpointing",
    "resnet_norm_eps",  # of a norm that stands only where a residual block changes its width: nowhere
}
FIXED: dict[str, Any] = {  # a list in the file must hold this value throughout
    "in_channels": 3,
    "out_channels": 3,
    "patch_size": PATCH,
    "patch_size_t": 1,
    "down_block_types": "LTX2VideoDownBlock3D",
    "spatio_temporal_scaling": True,
    "decoder_spatio_temporal_scaling": True,
    "decoder_inject_noise": False,
    "upsample_type": "spatiotemporal",
    "decoder_upsample_type": "spatiotemporal",  # NVIDIA's name for it; null means the same
    "upsample_residual": True,
    "upsample_factor": 2,
    "timestep_conditioning": False,
    "scaling_factor": 1.0,
    "encoder_causal": True,
    "encoder_spatial_padding_mode": "zeros",
    "decoder_spatial_padding_mode": "reflect",
}


def _read(source: Path | str | Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    if isinstance(source, Mapping):
        return "the autoencoder's config", source
    try:
        stored = json.loads(Path(source).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{source}: not a readable config.json ({error})") from error
    if not isinstance(stored, dict):
        raise WeightsError(f"{source}: holds a {type(stored).__name__}; a config.json holds names and values")
    return str(source), stored


def _agrees(value: Any, fixed: Any) -> bool:
    if value is None:
        return fixed == "spatiotemporal"
    items = value if isinstance(value, list | tuple) else [value]
    return all(item == fixed and isinstance(item, bool) == isinstance(fixed, bool) for item in items)


def _check_type(where: str, key: str, value: Any, default: Any) -> None:
    """Refuse a value that is not of the default's type; numbers must be positive."""
    several = isinstance(default, tuple)
    kind = type(default[0] if several else default)
    items = value if several and isinstance(value, tuple) else (value,)
    right = isinstance(value, tuple) == several and len(items) > 0
    if not right or any(type(item) is not kind or (kind is int and item < 1) for item in items):
        names = {int: "positive whole number", str: "word", bool: "true or false"}
        wanted = f"a list, each a {names[kind]}" if several else names[kind]
        raise WeightsError(f"{where}: {key} is {value!r}; it must be {wanted}")
