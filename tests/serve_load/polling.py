"""Many clients that ask how far a job is: how much slower does it become?

python tests/serve_load/polling.py --clients 200 --frames 161 --rounds 3

The same job is made alone and then with the clients, in turn, several times over. Clients keep their connection as long
as the server does, and wait as long between two questions as it says (openai-poll-after-ms), as OpenAI's client does;
--every sets another time. They run in a process of their own, on the same cores: their share of the slowing is in the
figure.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import statistics
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from flythrough.client import Client
from tests.serve_load.process import Process, free_port
from tests.serving import png


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--frames", type=int, default=81)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--every", type=float, default=0.0, help="seconds between two questions of a client")
    parser.add_argument("--model", default="toy")
    parser.add_argument("--most", type=float, help="per cent that it may be slower; by default anything")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        process = Process(Path(name) / "data", free_port(), wanted.model)
        process.data.mkdir()
        process.start()
        try:
            with Client(process.address) as client:
                made(client, 17)  # the model is loaded now
                alone, beside, asked = [], [], 0
                for _ in range(wanted.rounds):
                    alone.append(made(client, wanted.frames))
                    seconds, questions = watched(
                        client, process.port, wanted.frames, wanted.clients, wanted.every
                    )
                    beside.append(seconds)
                    asked += questions
                    print(
                        f"alone {alone[-1]:.2f} s, with {wanted.clients} clients {seconds:.2f} s", flush=True
                    )
        finally:
            process.kill()
    slower = 100 * (statistics.median(beside) / statistics.median(alone) - 1)
    print(
        f"{wanted.frames} frames of {wanted.model}: {slower:+.1f}% with {wanted.clients} clients, {asked} answers"
    )
    return int(wanted.most is not None and slower > wanted.most)


def made(client: Client, frames: int) -> float:
    """Seconds of making a video, from its start to its end."""
    job = client.create(image=png(256, 448), camera=f"w-{frames - 1}", seed=1)
    return timed(client, job["id"])


def timed(client: Client, id: str) -> float:
    start = 0.0
    for now in client.events(id):
        if now["status"] == "in_progress" and now["frames_done"] and not start:
            start = time.monotonic()  # after the first chunk, which reads the prompt
    return time.monotonic() - start


def watched(client: Client, port: int, frames: int, clients: int, every: float) -> tuple[float, int]:
    """Seconds of making a video that many ask about, and how many answers they got."""
    context = multiprocessing.get_context("spawn")
    answers, (ours, theirs) = context.Value("i", 0), context.Pipe()
    pollers = context.Process(target=poll, args=(port, clients, every, theirs, answers))
    pollers.start()
    try:
        ours.recv()  # all are connected
        job = client.create(image=png(256, 448), camera=f"w-{frames - 1}", seed=1)
        ours.send(job["id"])
        return timed(client, job["id"]), answers.value
    finally:
        pollers.kill()
        pollers.join()


def poll(port: int, clients: int, every: float, told: Connection, answers: object) -> None:
    asyncio.run(_poll(port, clients, every, told, answers))


async def _poll(port: int, clients: int, every: float, told: Connection, answers: object) -> None:
    lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(clients)]
    told.send(None)
    question = f"GET /v1/videos/{told.recv()} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode()

    async def one(number: int) -> None:
        await asyncio.sleep(number / clients)  # not all in the same moment
        reader, writer = lines[number]
        while True:
            writer.write(question)
            try:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            except (asyncio.IncompleteReadError, ConnectionError):  # kept open for a while only
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                continue
            fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            await reader.readexactly(int(fields["content-length"]))
            answers.value += 1  # pyrefly: ignore[missing-attribute]
            await asyncio.sleep(every or float(fields["openai-poll-after-ms"]) / 1000)

    await asyncio.gather(*(one(number) for number in range(clients)))


if __name__ == "__main__":
    sys.exit(main())
