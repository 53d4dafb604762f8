"""A snapshot is a whole file or none, and a flight goes on from it bit for bit, in another process too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from flythrough.errors import InputError
from flythrough.flight.snapshot import PIECE, read_snapshot, write_snapshot
from flythrough.session import Session
from tests.flights import parts, path, read, session, shot, two_stages

ROOT = Path(__file__).parents[2]
WAY = path(120)


def restored(file: Path, chunk: int = 1, **more) -> Session:
    model, vae, _ = parts(chunk)
    return Session.restore(file, model, vae, read=read, **more)


def rest(flight: Session, way=WAY) -> np.ndarray:
    """The frames from here to the end of the way."""
    begin = flight.poses_known
    return np.concatenate([flight.push(way.c2w[begin:], way.intrinsics[begin:]), flight.finish()])


def python(code: str, *arguments: str | Path) -> str:
    """Run code in a process of its own, and return what it prints."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("chunk", [1, 3])
@pytest.mark.parametrize("poses", [0, 1, 7, 8, 9, 20, 33, 57])
def test_a_flight_goes_on_from_any_pose_as_if_it_had_never_stopped(
    tmp_path: Path, poses: int, chunk: int
) -> None:
    flight = session(chunk, plus_one=chunk > 1, seed=2**62 + 1)
    flight.push(WAY.c2w[:poses], WAY.intrinsics[:poses])
    flight.snapshot(tmp_path / "a")
    other = restored(tmp_path / "a", chunk)
    np.testing.assert_array_equal(rest(other), rest(flight))
    assert torch.equal(other.path.c2w, flight.path.c2w)
    assert torch.equal(other.path.intrinsics, flight.path.intrinsics)


@pytest.mark.gpu
def test_to_a_gpu_and_back_every_piece_comes_to_its_place(tmp_path: Path) -> None:
    tensors = {
        "long": torch.randn(3 * PIECE // 4 + 5, device="cuda"),
        "turned": torch.randn(70, 90, device="cuda").T,
        "half": torch.randn(33, device="cuda").bfloat16(),
        "one": torch.tensor(7),
        "none": torch.zeros(0, 4, device="cuda"),
    }
    write_snapshot(tmp_path / "a", tensors, {})
    for device in ("cpu", "cuda"):
        back, _ = read_snapshot(tmp_path / "a", device)
        assert back.keys() == tensors.keys()
        for name, tensor in tensors.items():
            assert torch.equal(back[name], tensor.to(device))


def test_what_a_kill_left_of_an_older_longer_one_does_no_harm(tmp_path: Path) -> None:
    flight = session()
    flight.push("w-20")
    flight.snapshot(tmp_path / "a")
    (tmp_path / ".a.part").write_bytes(b"x" * (2 * (tmp_path / "a").stat().st_size))
    flight.snapshot(tmp_path / "a")
    np.testing.assert_array_equal(restored(tmp_path / "a").push("w-20"), flight.push("w-20"))
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_keys_prompts_and_latents_are_taken_up_too(tmp_path: Path) -> None:
    flight = session(keys="sana-wm")
    flight.push("w-20,dw-7")
    flight.say("a night with many stars")
    flight.push("d-9")
    flight.say("a morning")
    flight.push("iw-9")
    flight.snapshot(tmp_path / "a")
    other = restored(tmp_path / "a", rewinds=1)
    assert torch.equal(other.latents, flight.latents)  # pyrefly: ignore
    assert other.prompt == "a morning"
    for one in (flight, other):
        one.push("none-12")
        one.say("noon", over=2)
    np.testing.assert_array_equal(other.push("w-40"), flight.push("w-40"))
    assert torch.equal(other.path.c2w, flight.path.c2w)
    assert [r.prompts for r in other.receipts] == [r.prompts for r in flight.receipts][-len(other.receipts) :]
    other.rewind(1)


def test_a_snapshot_of_a_snapshot_is_the_same_file(tmp_path: Path) -> None:
    flight = session()
    flight.push("w-30")
    flight.say("dusk over water")
    sizes = flight.snapshot(tmp_path / "a")
    assert restored(tmp_path / "a").snapshot(tmp_path / "b") == sizes
    with safe_open(tmp_path / "a", "pt") as a, safe_open(tmp_path / "b", "pt") as b:
        assert a.metadata() == b.metadata()
        assert sorted(a.keys()) == sorted(b.keys())
        assert all(torch.equal(a.get_tensor(name), b.get_tensor(name)) for name in a.keys())  # noqa: SIM118
    assert sum(sizes.values()) <= (tmp_path / "a").stat().st_size
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["a", "b"]


def test_another_process_goes_on_with_two_stages(tmp_path: Path) -> None:
    flight = two_stages().open(shot(1))
    films, files = [], []
    for number, keys in enumerate(["w-3", "w-27", "dw-40", "aw-11", "none-29"]):
        films.append(flight.push(keys))
        files.append(tmp_path / f"{number}")
        flight.snapshot(files[-1])
    films.append(flight.push("w-60"))
    code = """
import sys
import numpy as np
from tests.flights import two_stages
pipeline, keys = two_stages(), ["w-27", "dw-40", "aw-11", "none-29", "w-60"]
for number, file in enumerate(sys.argv[1:]):
    flight = pipeline.restore(file)
    np.save(file + ".npy", np.concatenate([flight.push(part) for part in keys[number:]]))
"""
    python(code, *files)
    for number, file in enumerate(files):
        np.testing.assert_array_equal(np.load(f"{file}.npy"), np.concatenate(films[number + 1 :]))


KILLED = """
import os, random, signal, sys, time
import numpy as np
from pathlib import Path
from tests.flights import session
from tests.unit.test_snapshot import WAY, rest, restored
file, times = Path(sys.argv[1]), int(sys.argv[2])

def written():
    return os.stat(file).st_ino if file.exists() else 0

whole, same, random = rest(session()), 0, random.Random(0)
for _ in range(times):
    child = os.fork()
    if not child:
        flight = restored(file) if file.exists() else session()
        while True:
            begin = flight.poses_known
            flight.push(WAY.c2w[begin : begin + 1], WAY.intrinsics[begin : begin + 1])
            flight.snapshot(file)
    for _ in range(random.randint(1, 12)):
        before = written()
        while written() == before:
            time.sleep(0.0005)
    time.sleep(0.01 * random.random())
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    flight = restored(file)
    frames = flight.frames_made
    same += np.array_equal(rest(flight), whole[frames:])
    if frames > 80:
        file.unlink()
print(same)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_killed_while_it_writes_leaves_a_whole_snapshot(tmp_path: Path) -> None:
    assert python(KILLED, tmp_path / "flight.safetensors", "8") == "8\n"


def flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-3000] ^= 1
    file.write_bytes(content)


def truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def removed(file: Path) -> None:
    file.unlink()


def foreign(file: Path) -> None:
    save_file({"a": torch.zeros(3)}, file)


def changed(**about: str) -> Callable[[Path], None]:
    def change(file: Path) -> None:
        with safe_open(file, "pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            metadata = opened.metadata()
        save_file(tensors, file, metadata | about)

    return change


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (flipped, "is damaged"),
        (truncated, "not a whole safetensors file"),
        (emptied, "not a whole safetensors file"),
        (removed, "there is no snapshot here"),
        (foreign, "is no snapshot of a flight"),
        (changed(version="1"), "version 1; this flythrough reads version 4"),
        (changed(facts=json.dumps({})), "is damaged"),
    ],
)
def test_a_file_that_is_no_whole_snapshot_is_refused(
    tmp_path: Path, harm: Callable[[Path], None], says: str
) -> None:
    flight = session()
    flight.push("w-20")
    flight.snapshot(tmp_path / "a")
    harm(tmp_path / "a")
    with pytest.raises(InputError, match=says) as refused:
        restored(tmp_path / "a")
    assert str(refused.value).startswith(str(tmp_path / "a"))
    assert "\n" not in str(refused.value)


def test_a_flight_of_another_model_is_refused(tmp_path: Path) -> None:
    flight = session(name="mini")
    flight.push("w-20")
    flight.snapshot(tmp_path / "a")
    model, vae, _ = parts()
    model.blocks[2].mlp.t_conv.weight[1, 2] += 1e-3  # pyrefly: ignore
    for wrong in (model, parts()[0].to(torch.bfloat16), parts(chunk=3)[0].double()):
        with pytest.raises(InputError, match="flight with mini, whose weights, dtype or stages"):
            Session.restore(tmp_path / "a", wrong, vae)
    pipeline = two_stages()
    pipeline.open(shot(1)).snapshot(tmp_path / "b")
    pipeline.refiner = None
    with pytest.raises(InputError, match="stages"):
        pipeline.restore(tmp_path / "b")


def test_a_snapshot_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        session().snapshot(tmp_path / "file" / "a")
