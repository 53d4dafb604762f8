"""Requests that nobody should send: does the server ever make a mistake, and does its memory stay flat?

python tests/serve_load/malformed.py --count 10000 --examples 50

First schemathesis draws requests from the server's own OpenAPI page, then come malformed uploads of our own: damaged
pictures, cut and crossed forms, wrong types, deep nests, wild numbers. Every answer must be below 500.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import string
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import httpx2
import psutil

from flythrough.client import Client
from tests.serve_load.process import Process, free_port
from tests.serving import png

GROWN_MIB = 64  # that a server may grow by after its first tenth of the requests
FIELDS = (
    "prompt", "model", "camera", "keys", "fov_deg", "input_reference", "world", "negative_prompt", "num_frames",
    "seconds", "fps", "size", "seed", "steps", "guidance_scale", "refine", "name", "user", "lens", "action",
    "camera_to_world", "camera_actions", "intrinsics", "extra_body", "extra_params", "width", "height", "n",
)  # fmt: skip
WILD: tuple[Any, ...] = (
    None, True, -1, 0, 1e308, -1e308, 2**63, 2**64, "", " ", "\0", "x" * 3000, "../../etc/passwd", "w-40", "w-", "-",
    "orbit:radius=nan", "orbit:radius=1e400", "w-99999999", [], {}, [[]], [[[0] * 4] * 4], {"keyframes": []},
    {"keyframes": [{"time": 0, "position": [0, 0, 0]}, {"time": 0, "position": [0, 0, 0]}]},
    {"c2w": [[[1e308] * 4] * 4]},
    {"seed": -1}, {"seed": 3, "kind": "../x"}, "data:image/png;base64,AAAA", "data:image/png;base64,####", "http://[::1",
    "\ud800", "NaN", "Infinity", "0x10", "1_000", "\uff11\uff16", "448x256", "0x0", {"poses": None}, ["w"],
    [["w"], ["?"]],
)  # fmt: skip


def damaged_picture(rng: random.Random) -> bytes:
    data = bytearray(
        png(seed=rng.randrange(4), kind=rng.choice(["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"]))
    )
    for _ in range(rng.randrange(1, 40)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data[: rng.randrange(1, len(data) + 1)])


def picture_form(rng: random.Random) -> dict[str, Any]:
    """A form with a damaged picture under some name."""
    name = rng.choice(["input_reference", "input_reference[]", "image_reference", "file", "", "camera"])
    kind = rng.choice(["image/png", "text/html", "", "application/x-evil", "image/svg+xml"])
    file = rng.choice(["a.png", "../../a.png", "", "\u202e.png", "a" * 300])
    return {"data": {"camera": "w-1"}, "files": {name: (file, damaged_picture(rng), kind)}}


def crossed_form(rng: random.Random) -> dict[str, Any]:
    """The bytes of a form, cut, damaged, or under another boundary or charset."""
    body = b'--b\r\nContent-Disposition: form-data; name="camera"\r\n\r\nw-1\r\n--b\r\nContent-Disposition: form-data;'
    body += (
        b' name="input_reference"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
        + png()
        + b"\r\n--b--\r\n"
    )
    data = bytearray(body[: rng.randrange(len(body) + 1)] if rng.random() < 0.5 else body)
    for _ in range(rng.randrange(20)):
        if data:
            data[rng.randrange(min(len(data), 250))] = rng.randrange(256)
    kind = rng.choice(
        ["multipart/form-data; boundary=b", "multipart/form-data", "multipart/form-data; boundary=", "multipart/x",
         "multipart/form-data; boundary=b; charset=utf-99", "multipart/form-data; boundary=" + "b" * 300]
    )  # fmt: skip
    return {"content": bytes(data), "headers": {"Content-Type": kind}}


def wild_json(rng: random.Random) -> dict[str, Any]:
    fields = {rng.choice(FIELDS): rng.choice(WILD) for _ in range(rng.randrange(1, 5))}
    fields.setdefault("seed", -5)  # never a request that is taken on
    return {"content": json.dumps(fields).encode(), "headers": {"Content-Type": "application/json"}}


def wild_form(rng: random.Random) -> dict[str, Any]:
    fields = {rng.choice(FIELDS): str(rng.choice(WILD)) for _ in range(rng.randrange(1, 5))}
    text = {name: value.encode("utf-8", "replace").decode() for name, value in fields.items()}
    return {
        "data": text | {"seed": "-5"},
        "files": {"input_reference": ("a.png", damaged_picture(rng), "image/png")},
    }


def noise(rng: random.Random) -> dict[str, Any]:
    kind = rng.choice(["application/json", "text/plain", "", "application/json; charset=utf-16", "\x7f"])
    nest = rng.choice([b"[", b'{"a":', b'"'])
    body = rng.choice([rng.randbytes(rng.randrange(2000)), nest * rng.randrange(1, 50_000)])
    return {"content": body, "headers": {"Content-Type": kind}}


def picture_uri(rng: random.Random) -> dict[str, Any]:
    text = base64.b64encode(damaged_picture(rng)).decode()
    if rng.random() < 0.3:
        text = text.replace(rng.choice(string.ascii_letters), rng.choice("#\n =é"))
    return {"json": {"input_reference": f"data:image/png;base64,{text}", "camera": "w-1"}}


KINDS: tuple[Callable[[random.Random], dict[str, Any]], ...] = (
    picture_form, crossed_form, wild_json, wild_form, noise, picture_uri,
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--examples", type=int, default=5, help="of schemathesis, for each route; 0: none")
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        process = Process(Path(name) / "data", free_port(), "toy")
        process.data.mkdir()
        process.start()
        try:
            bad = drawn(process, wanted.examples) if wanted.examples else 0
            bad += sent(process, wanted.count, wanted.seed)
        finally:
            process.kill()
        if bad:
            print((Path(name) / "server.log").read_text()[-6000:])
    return int(bad > 0)


def drawn(process: Process, examples: int) -> int:
    """Schemathesis against the page; event streams, which do not end, are left out."""
    words = [
        Path(sys.executable).with_name("st"), "run", f"{process.address}/openapi.json",
        "--checks", "not_a_server_error", "--max-examples", examples, "--request-timeout", 60,
        "--exclude-path-regex", "events|worlds/.*jpg|scene", "--phases", "examples,coverage,fuzzing",
        "--generation-deterministic",
    ]  # fmt: skip
    return subprocess.run([str(word) for word in words], check=False).returncode


def sent(process: Process, count: int, seed: int) -> int:
    rng, statuses, mistakes = random.Random(seed), Counter[int](), 0
    memory = psutil.Process(process.pid)
    early = 0.0
    with Client(
        process.address
    ) as client:  # the model and all it brings along are there before memory is measured
        client.wait(client.create(camera="w-8", image=png())["id"])
    with httpx2.Client(base_url=process.address, trust_env=False, timeout=60) as http:
        for number in range(count):
            kind = KINDS[number % len(KINDS)]
            try:
                answer = http.post("/v1/videos", **kind(rng))
            except (UnicodeEncodeError, httpx2.LocalProtocolError):
                continue  # the client itself refuses to send this
            statuses[answer.status_code] += 1
            if answer.status_code >= 500:
                mistakes += 1
                print(
                    f"{kind.__name__}, request {number}: {answer.status_code} {answer.text[:200]}", flush=True
                )
            elif answer.status_code == 200:  # a picture that survived its damage
                http.delete(f"/v1/videos/{answer.json()['id']}")
            if number == count // 10:
                early = memory.memory_info().rss / 2**20
        assert http.get("/health").status_code == 200
    late = memory.memory_info().rss / 2**20
    print(f"{sum(statuses.values())} malformed requests: {dict(sorted(statuses.items()))}")
    print(f"{mistakes} server errors; memory {early:.0f} MiB after a tenth, {late:.0f} MiB at the end")
    return mistakes + (late - early > GROWN_MIB)


if __name__ == "__main__":
    sys.exit(main())
