"""Golden vectors: what other implementations compute, case by case, against what we compute on this machine.

A folder a case: case.json (kind, config, shapes, tolerance) and tensors.safetensors (in., out. and w. tensors).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from flythrough.camera import intrinsics as lens
from flythrough.camera.keys import parse_keys
from flythrough.camera.pose import relative_to_first
from flythrough.camera.rays import plucker, ray_matrices, raymap
from flythrough.conditioning import Conditioning
from flythrough.errors import InputError
from flythrough.model.config import ModelConfig
from flythrough.model.transformer import SanaWM
from flythrough.refiner.config import RefinerConfig
from flythrough.refiner.refine import refine_blocks
from flythrough.refiner.transformer import LTX2Refiner, unused
from flythrough.sampling.chunks import sample_chunk
from flythrough.sampling.euler import sample_euler
from flythrough.sampling.guidance import guided
from flythrough.sampling.schedules import flow_match_sigmas
from flythrough.vae.ltx2 import LTX2VAE
from flythrough.vae.ltx2_config import LTX2VAEConfig

HALF_TOLERANCE = 2e-2  # where tensors are bfloat16 or float16, whatever a case asks for in float32


@dataclass(frozen=True)
class Case:
    """One folder. Raises InputError where it is not in the format."""

    folder: Path
    kind: str
    config: dict[str, Any]
    tolerance: float

    @classmethod
    def load(cls, folder: Path) -> Case:
        try:
            about = json.loads((folder / "case.json").read_text(encoding="utf-8"))
            return cls(folder, about["kind"], about["config"], float(about["tolerance"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{folder}: no readable case.json with kind, config and tolerance ({error!r})"
            ) from error

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def inputs(self) -> dict[str, Tensor]:
        return self._tensors["in"]

    @property
    def outputs(self) -> dict[str, Tensor]:
        return self._tensors["out"]

    @property
    def weights(self) -> dict[str, Tensor]:
        return self._tensors["w"]

    @cached_property
    def _tensors(self) -> dict[str, dict[str, Tensor]]:
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        groups: dict[str, dict[str, Tensor]] = {"in": {}, "out": {}, "w": {}}
        try:
            for key, value in load_file(self.folder / "tensors.safetensors").items():
                prefix, _, rest = key.partition(".")
                groups[prefix][rest] = value
        except (SafetensorError, OSError, KeyError) as error:
            raise InputError(
                f"{self.folder}: no readable tensors.safetensors with in., out. and w. tensors ({error!r})"
            ) from error
        return groups

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Machine:
    """Where and in which numbers a case is computed. Poses and schedules are float32 or better in any case."""

    device: torch.device
    dtype: torch.dtype = torch.float32

    def put(self, x: Tensor) -> Tensor:
        return x.to(self.device)

    def settled(self, module: nn.Module, weights: dict[str, Tensor]) -> Any:
        """A module with exactly these weights, ready to compute."""
        try:
            module.load_state_dict(weights, strict=True)
        except RuntimeError as error:
            raise InputError(f"the weights do not fit: {' '.join(str(error).split())}") from error
        return module.to(self.device, self.dtype).eval().requires_grad_(False)


@dataclass(frozen=True)
class Result:
    """One output of a case: error = max |ours - out| / max |out|, and infinite where ours is not finite."""

    case: str
    output: str
    error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        return self.error <= self.tolerance


Outputs = Iterator[tuple[str, Tensor]]  # the name of an output, what we say it is; a name may come twice


def found(folder: Path) -> list[Case]:
    """All cases of a folder, by name. Raises InputError when there is none."""
    if (folder / "case.json").is_file():
        return [Case.load(folder)]
    cases = [Case.load(file.parent) for file in sorted(folder.glob("*/case.json"))]
    if not cases:
        raise InputError(f"{folder}: holds no golden vectors; each case is a folder with a case.json")
    return cases


@torch.no_grad()
def run(case: Case, machine: Machine) -> Iterator[Result]:
    """Compute a case and compare every output; an output that is never computed counts as failed."""
    if case.kind not in RUNNERS:
        raise InputError(f"{case.name}: kind is {case.kind!r}; known are {', '.join(sorted(RUNNERS))}")
    exact = case.kind in EXACT or machine.dtype == torch.float32
    tolerance = case.tolerance if exact else max(case.tolerance, HALF_TOLERANCE)
    missing = dict.fromkeys(case.outputs)
    with _whole_float32():
        for name, ours in RUNNERS[case.kind](case, machine):
            missing.pop(name, None)
            yield Result(case.name, name, error(ours, case.outputs[name]), tolerance)
    for name in missing:
        yield Result(case.name, name, float("inf"), tolerance)


def error(ours: Tensor, expected: Tensor) -> float:
    """max |ours - expected| / max |expected|."""
    if ours.shape != expected.shape or not bool(torch.isfinite(ours.float()).all()):
        return float("inf")
    expected = expected.detach().cpu().double()
    scale = expected.abs().max().clamp(min=1e-30)
    return float((ours.detach().cpu().double() - expected).abs().max() / scale)


@contextmanager
def _whole_float32() -> Iterator[None]:
    """Convolutions keep all bits of float32; by default a GPU takes ten of 23, as a video needs no more."""
    usual, torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.allow_tf32, False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = usual


def _keys(case: Case, _: Machine) -> Outputs:
    yield "c2w", parse_keys(case.config["text"], case.config["keys"])


def _crop(case: Case, _: Machine) -> Outputs:
    rows, columns = case.inputs["size"].tolist()
    crop = lens.centre_crop((int(rows), int(columns)), case.config["height"], case.config["width"])
    yield "resized", torch.tensor(crop.resized)
    yield "offset", torch.tensor(crop.offset)
    yield "intrinsics", crop.intrinsics(case.inputs["intrinsics"].double())


def _camera(case: Case, machine: Machine) -> Outputs:
    stride, rows, columns = case.config["stride"]
    height, width = case.config["height"] // rows, case.config["width"] // columns
    c2w = relative_to_first(machine.put(case.inputs["c2w"].double()))
    k = lens.scaled(machine.put(case.inputs["intrinsics"].double()), 1 / rows, 1 / columns)
    camera = raymap(c2w, k, stride)
    yield "camera", camera
    yield "pluecker", plucker(c2w, k, height, width, stride)
    yield "ray_matrices", ray_matrices(camera, height, width)[0]


def _sigmas(case: Case, _: Machine) -> Outputs:
    for steps in case.config["steps"]:
        yield f"sigmas_{steps}", flow_match_sigmas(steps, case.config["shift"])


def _transformer(case: Case, machine: Machine) -> Outputs:
    """One bidirectional forward, and what goes into and comes out of its parts."""
    model, seen = _model(case, machine), {}

    def note(name: str, tensor: Tensor) -> None:
        seen[name] = tensor.flatten(1, 2)

    for number, block in enumerate(model.blocks):
        block.register_forward_hook(lambda _, __, out, number=number: note(f"block{number}", out))
        for part in ("attn", "mlp"):
            name = f"block{number}.{part}"
            getattr(block, part).register_forward_hook(
                lambda _, given, out, name=name: (note(f"{name}.in", given[0]), note(f"{name}.out", out))[0]
            )
    latents, timestep = machine.put(case.inputs["latents"]), machine.put(case.inputs["timestep"])
    yield "velocity", model(latents, timestep, _conditioning(case, machine))
    yield from ((name, seen[name]) for name in case.outputs if name in seen)


def _chunk_causal(case: Case, machine: Machine) -> Outputs:
    """Uncached in one pass, then as a stream: both must give the peer's velocity."""
    model, cond, bounds = _model(case, machine), _conditioning(case, machine), tuple(case.config["bounds"])
    latents, timestep = machine.put(case.inputs["latents"]), machine.put(case.inputs["timestep"])
    yield "velocity", model(latents, timestep, cond, bounds=bounds)
    state = model.new_state()
    parts = [
        model(latents[:, :, a:b], timestep[:, a:b], cond.frames(slice(a, b)), state=state, save=True)
        for a, b in pairwise(bounds)
    ]
    yield "velocity", torch.cat(parts, dim=2)
    first, heads = state.layers[0], model.config.heads
    assert first.memory is not None
    assert first.normaliser is not None
    yield "state_block0", first.memory[:, :heads]
    yield "camera_state_block0", first.memory[:, heads:]
    yield "normaliser_block0", first.normaliser.transpose(-1, -2)


def _self_forcing(case: Case, machine: Machine) -> Outputs:
    """The few-step stream."""
    model, cond, latents = (
        _model(case, machine),
        _conditioning(case, machine),
        machine.put(case.inputs["latents"]),
    )
    sigmas = torch.tensor(case.config["timesteps"]) / 1000
    state, parts = model.new_state(), []
    for a, b in pairwise(case.config["bounds"]):
        first = latents[:, :, :1] if a == 0 else None
        parts.append(sample_chunk(model, latents[:, :, a:b], cond.frames(slice(a, b)), state, sigmas, first))
    yield "latents", torch.cat(parts, dim=2)


def _flow_euler(case: Case, machine: Machine) -> Outputs:
    """The many-step kind with guidance."""
    config, x = case.config, machine.put(case.inputs["latents"])
    positive, negative = (_conditioning(case, machine, text) for text in ("text", "negative_text"))
    velocity = guided(_model(case, machine), positive, negative, config["guidance_scale"])
    held = torch.arange(x.shape[2], device=x.device) == 0
    for guess in sample_euler(velocity, x, flow_match_sigmas(config["steps"], config["shift"]), held):
        x = guess
    yield "latents", x


def _refiner(case: Case, machine: Machine) -> Outputs:
    """The whole loop over blocks; the noise is what the peer drew."""
    given = {name: machine.put(tensor) for name, tensor in case.inputs.items()}
    config, drawn = case.config, itertools.count()
    shape = RefinerConfig(
        layers=config["num_layers"],
        heads=config["num_attention_heads"],
        head_dim=config["attention_head_dim"],
        latent_channels=config["in_channels"],
        caption_channels=config["caption_channels"],
        rope_type=config["rope_type"],
    )
    weights = {key: value for key, value in case.weights.items() if not unused(key)}
    sink = config.get("sink", 1)
    blocks = refine_blocks(
        machine.settled(LTX2Refiner(shape), weights),
        given["latents"],
        given["text"],
        lambda _: given[f"noise{next(drawn)}"],
        fps=config["fps"],
        sink=sink,
        block=config["block"],
        kv_max_frames=config["kv_max"],
        sigmas=tuple(config["sigmas"]),
    )
    first = given["latents"][:, :, :sink]
    yield "latents", torch.cat([first, *(block.to(first) for block in blocks)], dim=2)


def _vae(case: Case, machine: Machine) -> Outputs:
    """The first frame alone, the clip, and latents back to frames: whole, and in pieces."""
    kind = {"_class_name": "AutoencoderKLLTX2Video"}
    config = LTX2VAEConfig.from_json(kind | case.config)
    channels = config.latent_channels
    plain = {"latents_mean": torch.zeros(channels), "latents_std": torch.ones(channels)}
    vae = machine.settled(LTX2VAE(config), plain | case.weights)
    video, latents = machine.put(case.inputs["video"]), machine.put(case.inputs["latents"])
    yield "encode_1", vae.encode(video[:, :, :1])
    yield f"encode_{video.shape[2]}", vae.encode(video)
    for piece in (latents.shape[2], 1):
        yield "decode", vae.decode(latents, piece)


def _model(case: Case, machine: Machine) -> SanaWM:
    names = [field.name for field in fields(ModelConfig)]
    config = ModelConfig(**{name: case.config[name] for name in names if name in case.config})
    return machine.settled(SanaWM(config), case.weights)


def _conditioning(case: Case, machine: Machine, text: str = "text") -> Conditioning:
    given = {name: machine.put(tensor) for name, tensor in case.inputs.items()}
    return Conditioning(
        text=given[text], text_mask=given[text + "_mask"], camera=given["camera"], plucker=given["pluecker"]
    )


RUNNERS: dict[str, Callable[[Case, Machine], Outputs]] = {
    "keys": _keys,
    "crop": _crop,
    "camera": _camera,
    "sigmas": _sigmas,
    "transformer": _transformer,
    "chunk-causal": _chunk_causal,
    "self-forcing": _self_forcing,
    "flow-euler": _flow_euler,
    "refiner": _refiner,
    "vae": _vae,
}
EXACT = {"keys", "crop", "camera", "sigmas"}  # computed in float32 or better, whatever the model's dtype
