"""kill -9 at random moments while jobs wait and run: are any lost, are any damaged, do all finish?

python tests/serve_load/kill.py --rounds 50 --jobs 30

Every round has a fresh data folder. Jobs are sent one after the other, while the server is killed and started again;
a client that got no answer sends its request again under the same Idempotency-Key, as flythrough.Client does. What
counts as accepted is what was answered with a job. At the end of a round each film must have the very bytes of the
same request's film that nobody disturbed.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from flythrough.client import Client, Job
from tests.serve_load.process import Process, free_port
from tests.serving import png

SEEDS = 5  # different videos; more jobs are the same ones again


@dataclass
class Round:
    """What came of a round."""

    accepted: int = 0
    lost: int = 0
    damaged: int = 0
    unfinished: int = 0
    kills: int = 0
    resumed: int = 0
    notes: list[str] = field(default_factory=list)


def request(seed: int, frames: int) -> dict[str, object]:
    return {"camera": f"w-{frames}", "seed": seed, "prompt": f"hills {seed}", "image": png(64, 96, seed)}


def undisturbed(folder: Path, model: str, frames: int) -> dict[int, bytes]:
    """The films as they are when nobody kills anything, by seed."""
    process = Process(folder / "calm" / "data", free_port(), model)
    process.data.mkdir(parents=True)
    process.start()
    films = {}
    with Client(process.address) as client:
        for seed in range(SEEDS):
            job = client.wait(client.create(**request(seed, frames + seed))["id"])  # pyrefly: ignore
            films[seed] = client.save(job, folder / f"{seed}.mp4").read_bytes()
    process.kill()
    return films


def play(
    folder: Path,
    films: dict[int, bytes],
    model: str,
    jobs: int,
    frames: int,
    kills: int,
    within_s: float,
    rng: random.Random,
) -> Round:
    """One round."""
    (folder / "data").mkdir(parents=True)
    process, found = Process(folder / "data", free_port(), model), Round()
    process.start()
    ids: dict[str, int] = {}
    sending = threading.Thread(target=send, args=(process.address, jobs, frames, ids))
    sending.start()
    for _ in range(kills):
        time.sleep(rng.uniform(0.0, within_s))
        process.kill()
        found.kills += 1
        process.start()
    sending.join()
    found.accepted = len(ids)
    with Client(process.address) as client:
        for id, seed in ids.items():
            check(client, id, films[seed], folder, found)
        found.resumed = process.resumed()
    process.kill()
    strays = {path.name for path in (folder / "data" / "videos").iterdir()} - ids.keys()
    if strays:
        found.notes.append(f"folders that no job has: {len(strays)}")
    return found


def send(address: str, jobs: int, frames: int, ids: dict[str, int]) -> None:
    with Client(address) as client:
        for number in range(jobs):
            seed = number % SEEDS
            ids[patiently(client, seed, frames)["id"]] = seed


def patiently(client: Client, seed: int, frames: int) -> Job:
    """Send one request until it is answered, always under the same key."""
    fields = request(seed, frames + seed)
    image = fields.pop("image")
    asked = client._asked(image, fields)  # pyrefly: ignore
    end = time.monotonic() + 120
    while True:
        try:
            return client._ask("POST", "/v1/videos", **asked)
        except ValueError as error:
            if getattr(error, "status", 1) or time.monotonic() > end:
                raise
            time.sleep(0.2)


def check(client: Client, id: str, film: bytes, folder: Path, found: Round) -> None:
    try:
        job = client.wait(id)
    except ValueError as error:
        found.lost += 1
        found.notes.append(f"{id}: {error}")
        return
    if job["status"] != "completed":
        found.unfinished += 1
        found.notes.append(f"{id}: {job['status']}, {job['error']}")
    elif client.save(job, folder / "film.mp4").read_bytes() != film:
        found.damaged += 1
        found.notes.append(f"{id}: another film than without a kill")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=6)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--kills", type=int, default=2, help="in each round")
    parser.add_argument("--within", type=float, default=8.0, help="seconds of a server's life")
    parser.add_argument("--model", default="toy")
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    rng, bad, kills, accepted, resumed = random.Random(wanted.seed), 0, 0, 0, 0
    with tempfile.TemporaryDirectory() as name:
        films = undisturbed(Path(name), wanted.model, wanted.frames)
        for number in range(wanted.rounds):
            found = play(
                Path(name) / f"round{number}",
                films,
                wanted.model,
                wanted.jobs,
                wanted.frames,
                wanted.kills,
                wanted.within,
                rng,
            )
            bad += found.lost + found.damaged + found.unfinished + len(found.notes)
            kills, accepted, resumed = kills + found.kills, accepted + found.accepted, resumed + found.resumed
            print(f"round {number}: {found}", flush=True)
        if bad:
            print((Path(name) / f"round{wanted.rounds - 1}" / "server.log").read_text()[-4000:])
    print(
        f"{wanted.rounds} rounds, {kills} kills, {accepted} jobs accepted, {bad} lost, damaged or unfinished;"
    )
    print(f"{resumed} times a job went on from a saved chunk")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
