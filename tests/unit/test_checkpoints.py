"""Weights on the disk: what is whole is read exactly, what is not is refused by name, and nothing is executed."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from flythrough import parameters
from flythrough.checkpoints import Checkpoint, open_checkpoint
from flythrough.errors import WeightsError


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.zeros(2, 3))
        self.second = nn.Parameter(torch.zeros(4))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))


def whole() -> dict[str, Tensor]:
    return {
        "first": torch.arange(6.0).reshape(2, 3),
        "second": torch.tensor([1.0, -2.0, 3.0, -4.0]),
        "count": torch.tensor(7),
    }


def on_meta() -> Two:
    with torch.device("meta"):
        return Two()


def assert_whole(module: nn.Module) -> None:
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor.cpu(), whole()[name]), name


# --- how each fault is made: writes into a folder, returns what is opened -------------------------------------

Make = Callable[[Path], Path]


def raw(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file from a header, which may be wrong in any way."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def f32(begin: int, end: int, shape: list[int], dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


GOOD = {"first": f32(0, 24, [2, 3]), "second": f32(24, 40, [4]), "count": f32(40, 48, [], "I64")}


def bytes_of(content: bytes, name: str = "model.safetensors") -> Make:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return make


def header_of(changes: dict[str, Any], data: int = 48, name: str = "model.safetensors") -> Make:
    return bytes_of(raw(GOOD | changes, bytes(data)), name)


def saved(**changes: Tensor | None) -> Make:
    """A file of `whole`, with some tensors changed and those that are None left out."""

    def make(folder: Path) -> Path:
        tensors = {name: tensor for name, tensor in (whole() | changes).items() if tensor is not None}
        save_file(tensors, folder / "model.safetensors")
        return folder / "model.safetensors"

    return make


def cut(keep: Callable[[bytes], int], name: str = "model.safetensors") -> Make:
    def make(folder: Path) -> Path:
        path = torch_file()(folder) if name.endswith(".pt") else saved()(folder)
        content = path.read_bytes()
        path.write_bytes(content[: keep(content)])
        return path

    return make


def torch_file(content: Any = None) -> Make:
    def make(folder: Path) -> Path:
        torch.save({"generator": whole()} if content is None else content, folder / "model.pt")
        return folder / "model.pt"

    return make


def header_end(content: bytes) -> int:
    return 8 + struct.unpack("<Q", content[:8])[0]


def sharded(folder: Path) -> Path:
    tensors = whole()
    save_file({"first": tensors["first"]}, folder / "model-1-of-2.safetensors")
    save_file({"second": tensors["second"], "count": tensors["count"]}, folder / "model-2-of-2.safetensors")
    return index(folder)


def index(folder: Path, **changes: str) -> Path:
    table = {
        "first": "model-1-of-2.safetensors",
        "second": "model-2-of-2.safetensors",
        "count": "model-2-of-2.safetensors",
    }
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps({"metadata": {"total_size": 48}, "weight_map": table | changes}))
    return path


def indexed(**changes: str) -> Make:
    def make(folder: Path) -> Path:
        sharded(folder)
        return index(folder, **changes)

    return make


def swapped_shards(folder: Path) -> Path:
    path = sharded(folder)
    one, two = folder / "model-1-of-2.safetensors", folder / "model-2-of-2.safetensors"
    one.rename(folder / "aside")
    two.rename(one)
    (folder / "aside").rename(two)
    return path


def shard_lost(folder: Path) -> Path:
    path = sharded(folder)
    (folder / "model-2-of-2.safetensors").unlink()
    return path


def in_two_shards(folder: Path) -> Path:
    path = sharded(folder)
    save_file(whole(), folder / "model-2-of-2.safetensors")
    return path


def beyond_the_index(folder: Path) -> Path:
    path = sharded(folder)
    save_file({"first": whole()["first"], "third": torch.zeros(1)}, folder / "model-1-of-2.safetensors")
    return path


def traversal(name: str) -> Make:
    def make(folder: Path) -> Path:
        (folder / "inner").mkdir()
        path = sharded(folder / "inner")
        save_file({"first": whole()["first"]}, folder / "outside.safetensors")
        return index(path.parent, first=name.replace("$HERE", str(folder)))

    return make


def link_loop(folder: Path) -> Path:
    (folder / "model.safetensors").symlink_to(folder / "other.safetensors")
    (folder / "other.safetensors").symlink_to(folder / "model.safetensors")
    return folder / "model.safetensors"


def a_folder(folder: Path) -> Path:
    (folder / "model.safetensors").mkdir()
    return folder / "model.safetensors"


def two_files(folder: Path) -> Path:
    save_file(whole(), folder / "a.safetensors")
    save_file(whole(), folder / "b.safetensors")
    return folder


class Malicious:
    """Unpickled by the usual means, this creates a file."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.open, (str(self.canary), os.O_CREAT | os.O_WRONLY)


def malicious_in_torch_file(folder: Path) -> Path:
    return torch_file({"generator": whole(), "note": Malicious(folder / "canary")})(folder)


def malicious_pickle(folder: Path) -> Path:
    (folder / "model.pt").write_bytes(pickle.dumps(Malicious(folder / "canary")))
    return folder / "model.pt"


def whole_module(folder: Path) -> Path:
    return torch_file(nn.Linear(2, 2))(folder)


def zip_of_something(name: str, compression: int = zipfile.ZIP_STORED) -> Make:
    def make(folder: Path) -> Path:
        with zipfile.ZipFile(folder / "model.pt", "w", compression) as archive:
            archive.writestr(name, "hello" * 100)
        return folder / "model.pt"

    return make


def tar_of_something(folder: Path) -> Path:
    with tarfile.open(folder / "model.pt", "w") as archive:
        entry = tarfile.TarInfo("data.pkl")
        entry.size = 5
        archive.addfile(entry, io.BytesIO(b"hello"))
    return folder / "model.pt"


def bad_config(folder: Path) -> Path:
    saved()(folder)
    (folder / "config.json").write_text("{")
    return folder


TWICE = b'{"first":' + json.dumps(f32(0, 24, [2, 3])).encode() + b',"first":{}}'

# name of the fault -> (how to make it, what the message must say beside the file's name)
STRUCTURE: dict[str, tuple[Make, str]] = {
    "missing file": (lambda folder: folder / "model.safetensors", "no such"),
    "empty file": (bytes_of(b""), "0 bytes"),
    "cut inside the header's length": (cut(lambda _: 5), "5 bytes"),
    "cut after the header's length": (cut(lambda _: 8), "not a whole"),
    "cut inside the header": (cut(lambda c: header_end(c) // 2), "not a whole"),
    "cut after the header": (cut(header_end), "not a whole"),
    "cut inside the last tensor": (cut(lambda c: len(c) - 1), "not a whole"),
    "more than the tensors": (bytes_of(raw(GOOD, bytes(49))), "not a whole"),
    "header longer than the file": (bytes_of(raw(GOOD, bytes(48), length=10_000)), "10000"),
    "header of 2**63 bytes": (bytes_of(raw(GOOD, bytes(48), length=2**63)), str(2**63)),
    "header of -1 bytes": (bytes_of(raw(GOOD, bytes(48), length=2**64 - 1)), str(2**64 - 1)),
    "header of no bytes": (bytes_of(raw(GOOD, bytes(48), length=0)), "header"),
    "header is not JSON": (bytes_of(raw(b"{'first': 1}")), "JSON"),
    "header is a list": (bytes_of(raw([GOOD])), "list"),
    "header nested too deep": (bytes_of(raw(b'{"a":' * 100_000)), "JSON"),
    "header is not UTF-8": (bytes_of(raw(b'{"\xff\xfe": 1}')), "UTF-8"),
    "a number of 10,000 digits": (bytes_of(raw(b'{"first":' + b"9" * 10_000 + b"}")), "JSON"),
    "a name twice": (bytes_of(raw(TWICE, bytes(24))), "first twice"),
    "a tensor without dtype": (header_of({"first": {"shape": [2, 3], "data_offsets": [0, 24]}}), "first"),
    "a tensor that is a string": (header_of({"first": "24 bytes"}), "first"),
    "offsets overlap": (
        header_of({"second": f32(20, 36, [4]), "count": f32(36, 44, [], "I64")}, 44),
        "second",
    ),
    "offsets leave a gap": (
        header_of({"second": f32(28, 44, [4]), "count": f32(44, 52, [], "I64")}, 52),
        "second",
    ),
    "offsets beyond the file": (header_of({}, 40), "not a whole"),
    "offsets backwards": (header_of({"second": f32(40, 24, [4])}), "second"),
    "offsets below zero": (header_of({"first": f32(-24, 0, [2, 3])}), "first"),
    "one offset": (header_of({"first": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0]}}), "first"),
    "bytes against dtype": (header_of({"first": f32(0, 24, [2, 3], "F16")}), "first has 24 bytes"),
    "bytes against shape": (header_of({"first": f32(0, 24, [3, 3])}), "first has 24 bytes"),
    "shape of an exabyte": (header_of({"first": f32(0, 24, [2**60, 2**60])}), "first has 24 bytes"),
    "shape below zero": (header_of({"first": f32(0, 24, [-2, -3])}), "first"),
    "shape of fractions": (
        header_of({"first": {"dtype": "F32", "shape": [1.5, 4], "data_offsets": [0, 24]}}),
        "first",
    ),
    "unknown dtype": (header_of({"first": f32(0, 24, [2, 3], "F31")}), "first has dtype F31"),
    "float8": (header_of({"first": f32(0, 6, [2, 3], "F8_E4M3")}), "first has dtype F8_E4M3"),
    "metadata of numbers": (header_of({"__metadata__": {"steps": 5}}), "__metadata__"),
    "a folder": (a_folder, "no weights"),
    "a folder with two files": (two_files, "a.safetensors, b.safetensors"),
    "a folder with a broken config": (bad_config, "config.json"),
    "a loop of links": (link_loop, "link"),
    "a text file": (bytes_of(b"Once upon a time there was a model of a world.\n"), "not a whole"),
    "a text file as .pt": (bytes_of(b"Once upon a time\n", "model.pt"), "not a whole torch file"),
    "a shard is missing": (shard_lost, "model-2-of-2.safetensors"),
    "shards swapped": (swapped_shards, "should be in model-1-of-2.safetensors, but is in model-2-of-2"),
    "a name in the wrong shard": (indexed(first="model-2-of-2.safetensors"), "first should be in"),
    "a name in no shard": (indexed(third="model-1-of-2.safetensors"), "third should be in"),
    "a name in two shards": (in_two_shards, "first is in model-1-of-2.safetensors too"),
    "a name beyond the index": (beyond_the_index, "third"),
    "index points up": (traversal("../outside.safetensors"), "../outside.safetensors"),
    "index points up, Windows": (traversal("..\\outside.safetensors"), "outside.safetensors"),
    "index points to the root": (traversal("$HERE/outside.safetensors"), "outside.safetensors"),
    "index points to a drive": (traversal("C:outside.safetensors"), "outside.safetensors"),
    "index names a number": (indexed(first=5), "first"),  # pyrefly: ignore[bad-argument-type]
    "index is not JSON": (bytes_of(b"[", "model.safetensors.index.json"), "JSON"),
    "index without a map": (bytes_of(b"{}", "model.safetensors.index.json"), "weight_map"),
    "code in a torch file": (malicious_in_torch_file, "none of it has been run"),
    "code in a bare pickle": (malicious_pickle, "not a whole torch file"),
    "a pickled module": (whole_module, "none of it has been run"),
    "a torch file cut in the middle": (cut(lambda c: len(c) // 2, "model.pt"), "not a whole torch file"),
    "a torch file cut at the end": (cut(lambda c: len(c) - 30, "model.pt"), "not a whole torch file"),
    "a torch file of a list": (torch_file([torch.zeros(2)]), "no table"),
    "a torch file of numbers": (torch_file({"generator": {"first": 5}}), "first is a int"),
    "a torch file of sparse tensors": (torch_file({"first": torch.eye(3).to_sparse()}), "first"),
    "a zip of something": (zip_of_something("notes.txt"), "not a whole torch file"),
    "a compressed zip": (zip_of_something("model/data.pkl", zipfile.ZIP_DEFLATED), "compressed"),
    "a tar of something": (tar_of_something, "not a whole torch file"),
}
CONTENT: dict[str, tuple[Make, str]] = {
    "a wrong shape": (saved(first=torch.zeros(3, 2)), "first has shape (3, 2), this model needs (2, 3)"),
    "a name missing": (saved(second=None), "no tensor second"),
    "a name too many": (saved(third=torch.zeros(1)), "third"),
    "integers for floats": (saved(first=torch.zeros(2, 3, dtype=torch.int32)), "first is torch.int32"),
    "floats for integers": (saved(count=torch.tensor(7.0)), "count is torch.float32"),
    "complex numbers": (torch_file(whole() | {"first": torch.zeros(2, 3, dtype=torch.complex64)}), "first"),
    "a wrong shape in a torch file": (torch_file(whole() | {"first": torch.zeros(1)}), "first has shape"),
}
NUMBERS: dict[str, tuple[Make, str]] = {
    "NaN": (saved(first=torch.full((2, 3), float("nan"))), "first holds values that are not finite"),
    "one NaN": (saved(second=torch.tensor([1.0, float("nan"), 0, 0])), "second holds"),
    "infinity": (saved(second=torch.tensor([1.0, 0, 0, float("inf")])), "second holds"),
    "minus infinity in bfloat16": (
        saved(second=torch.tensor([-float("inf"), 0, 0, 0]).bfloat16()),
        "second holds",
    ),
    "NaN in a torch file": (torch_file(whole() | {"second": torch.full((4,), float("nan"))}), "second holds"),
}


def refusal(make: Make, folder: Path, module: nn.Module) -> str:
    path = make(folder)
    with pytest.raises(WeightsError) as caught:
        parameters.fill(module, open_checkpoint(path))
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(folder)), "the file is named first"
    assert not (folder / "canary").exists(), "something was executed"
    return message


@pytest.mark.parametrize(("make", "says"), [*(STRUCTURE | CONTENT).values()], ids=[*(STRUCTURE | CONTENT)])
def test_a_fault_is_refused_before_any_number_is_read(
    make: Make, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Checkpoint, "tensor", lambda *_: pytest.fail("a number was read"))
    module = on_meta()

    assert says in refusal(make, tmp_path, module)

    assert all(parameter.is_meta for parameter in module.parameters())


@pytest.mark.parametrize(("make", "says"), [*NUMBERS.values()], ids=[*NUMBERS])
@pytest.mark.parametrize("built", [on_meta, Two])
def test_numbers_that_are_none_are_refused_and_the_module_stays_as_it_was(
    make: Make, says: str, built: Callable[[], Two], tmp_path: Path
) -> None:
    module = built()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}

    assert says in refusal(make, tmp_path, module)

    for name, tensor in module.state_dict().items():
        assert tensor.is_meta if built is on_meta else torch.equal(tensor, before[name])


def test_a_malicious_pickle_would_have_run_elsewhere(tmp_path: Path) -> None:
    """The tests above mean something only if the code in those files works."""
    pickle.loads(malicious_pickle(tmp_path).read_bytes())
    assert (tmp_path / "canary").exists()


# --- what is whole ----------------------------------------------------------------------------------------------


def folder_of_one(folder: Path) -> Path:
    save_file(whole(), folder / "diffusion_pytorch_model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text('{"_class_name": "Two"}')
    return folder


def folder_of_shards(folder: Path) -> Path:
    return sharded(folder).parent


def prefixed(folder: Path) -> Path:
    tensors = {f"model.{name}": tensor for name, tensor in whole().items()}
    states = {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 1e-4, "params": [0]}]}
    return torch_file({"generator": tensors, "generator_optimizer": states, "step": 3})(folder)


@pytest.mark.parametrize(
    "make",
    [
        saved(),
        sharded,
        folder_of_one,
        folder_of_shards,
        torch_file(),
        torch_file(whole()),
        torch_file({"state_dict": whole()}),
        prefixed,
    ],
    ids=["one file", "index", "folder", "folder of shards", "generator", "bare", "state_dict", "prefixed"],
)
@pytest.mark.parametrize("built", [on_meta, Two])
def test_every_layout_loads_bit_for_bit(make: Make, built: Callable[[], Two], tmp_path: Path) -> None:
    module = built()
    parameters.fill(module, open_checkpoint(make(tmp_path)))
    assert_whole(module)


def test_a_checkpoint_tells_names_shapes_and_dtypes_without_reading(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(folder_of_one(tmp_path))

    assert set(checkpoint) == set(whole())
    assert checkpoint.shape("first") == (2, 3)
    assert checkpoint.dtype("count") == torch.int64
    assert checkpoint.config == {"_class_name": "Two"}
    assert checkpoint.metadata == {"format": "pt"}


def test_a_dtype_is_for_floating_tensors_alone_and_requires_grad_stays(tmp_path: Path) -> None:
    module = on_meta().requires_grad_(False)
    module.first.requires_grad_(True)

    parameters.fill(module, open_checkpoint(saved()(tmp_path)), dtype=torch.bfloat16)

    assert module.first.dtype == torch.bfloat16
    assert module.count.dtype == torch.int64
    assert module.first.requires_grad
    assert not module.second.requires_grad


def test_a_built_module_keeps_its_parameters_and_its_dtype(tmp_path: Path) -> None:
    module = Two().double()
    first = module.first
    parameters.fill(module, open_checkpoint(saved(first=whole()["first"].half())(tmp_path)))
    assert module.first is first
    assert first.dtype == torch.float64
    assert_whole(module.float())


def test_names_that_a_predicate_excuses_are_not_read(tmp_path: Path) -> None:
    nan = torch.full((5,), float("nan"))
    module = on_meta()
    path = saved(audio_proj=nan)(tmp_path)
    parameters.fill(module, open_checkpoint(path), unused=lambda name: name.startswith("audio_"))
    assert_whole(module)


def test_two_names_may_not_become_one(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="two names"):
        open_checkpoint(saved()(tmp_path)).renamed(lambda name: "one")


def test_a_file_that_shrinks_after_it_was_opened_is_refused(tmp_path: Path) -> None:
    path = saved()(tmp_path)
    checkpoint = open_checkpoint(path)
    os.truncate(path, path.stat().st_size - 60)
    with pytest.raises(WeightsError, match="changed meanwhile"):
        parameters.fill(on_meta(), checkpoint)


def test_a_buffer_outside_the_weights_cannot_stay_on_the_meta_device(tmp_path: Path) -> None:
    module = on_meta()
    module.register_buffer("table", torch.zeros(2, device="meta"), persistent=False)
    with pytest.raises(AssertionError, match="table"):
        parameters.fill(module, open_checkpoint(saved()(tmp_path)))


def test_load_and_save_go_round_and_leave_nothing_behind(tmp_path: Path) -> None:
    module = Two()
    parameters.fill(module, open_checkpoint(saved()(tmp_path)))
    parameters.save(module, tmp_path / "deep" / "two.safetensors", {"loss": "0.5"})

    again = Two()
    metadata = parameters.load(again, tmp_path / "deep" / "two.safetensors")

    assert_whole(again)
    assert metadata == {"loss": "0.5"}
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["two.safetensors"]


# --- memory -----------------------------------------------------------------------------------------------------

LOADER = """
import sys, torch
from pathlib import Path
from torch import nn
from flythrough import parameters
from flythrough.checkpoints import open_checkpoint

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))

def load(path, names, dtype):
    with torch.device("meta"):
        module = nn.ParameterDict({name: nn.Parameter(torch.empty(1024, 6400)) for name in names})
    parameters.fill(module, open_checkpoint(path), dtype=dtype)

folder, dtype = Path(sys.argv[1]), getattr(torch, sys.argv[3])
load(folder / "small.safetensors", ["a"], dtype)  # whatever loading itself takes is there now
before = peak()
load(folder / sys.argv[2], [f"layer{i}" for i in range(int(sys.argv[4]))], dtype)
print(peak() - before)
"""


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("big")
    layers = {f"layer{number}": torch.ones(1024, 6400) for number in range(12)}  # 300 MiB
    save_file({"a": torch.ones(1024, 6400)}, folder / "small.safetensors")
    save_file(layers, folder / "whole.safetensors")
    few = {f"model.layer{number}": layers[f"layer{number}"] for number in range(3)}
    optimizer = {"state": dict(enumerate(list(layers.values())[3:]))}
    torch.save({"generator": few, "generator_optimizer": optimizer}, folder / "training.pt")
    return folder


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured through /proc")
@pytest.mark.parametrize(
    ("file", "dtype", "layers", "limit_mib"),
    [
        ("whole.safetensors", "float32", 12, 300 + 60),
        ("whole.safetensors", "bfloat16", 12, 150 + 100),
        ("training.pt", "float32", 3, 75 + 75 + 60),  # what was read stays mapped until memory is short
    ],
)
def test_loading_takes_what_the_module_needs_and_not_twice_that(
    file: str, dtype: str, layers: int, limit_mib: int, big: Path
) -> None:
    arguments = [sys.executable, "-c", LOADER, str(big), file, dtype, str(layers)]
    output = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert float(output.stdout) < limit_mib
