"""How fast a live flight answers: python -m tests.live_figures [--steps 4] [--model mini] [--seconds 20].

Starts `flythrough serve` and flies it from this process, both on this machine: first as fast as it goes, for the frames
a second that the model sustains, then paced, with keys pressed at odd moments. Latency is from the press to the arrival
of the first frames that heard of it, and to the moment when a player without any reserve shows the first of them.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from statistics import median
from typing import Any

from tests.pilots import Pilot

KEYS = (["w"], ["w", "d"], [], ["a"], ["w", "i"])


def rate(address: str, seconds: float, **fields: Any) -> float:
    """Frames a second as fast as it goes, without the first two chunks."""
    with Pilot.at(address) as pilot:
        pilot.init(**fields, condition_inputs={"action": "w-200,wd-200,wa-200"})
        pilot.chunks(2)
        begun, done = time.monotonic(), len(pilot.headers)
        while time.monotonic() - begun < seconds:
            pilot.chunks(1)
        return sum(header["num_frames"] for header in pilot.headers[done:]) / (time.monotonic() - begun)


def latency(address: str, seconds: float, fps: float, **fields: Any) -> dict[str, Any]:
    """Paced, with a key at odd moments."""
    pressed: dict[int, float] = {}
    arrived, shown, stalls = [], [], 0.0
    with Pilot.at(address) as pilot:
        pilot.init(**fields, realtime_output_pacing=True)
        pilot.chunks(2)
        landed = threading.Event()

        def press() -> None:
            dice, number = random.Random(4), 0
            while not landed.wait(dice.uniform(0.7, 1.7)):
                number += 1
                pressed[number] = time.monotonic()
                state = {"actions": KEYS[number % len(KEYS)], "client_ts_ms": time.time() * 1000}
                pilot.event("camera_actions", {"mode": "state", "transitions": [state]}, event_id=number)

        hand = threading.Thread(target=press)
        hand.start()
        begun = playing_until = time.monotonic()
        frames, seen = 0, 0
        while time.monotonic() - begun < seconds:
            header = pilot.hear()
            now = time.monotonic()
            if not header["type"].startswith("frame_batch"):
                continue
            if frames:
                stalls += max(0.0, now - playing_until)
            starts = max(now, playing_until)
            playing_until = starts + header["num_frames"] / fps
            frames += header["num_frames"]
            if header.get("event_id", 0) > seen:
                seen = header["event_id"]
                arrived.append(now - pressed[seen])
                shown.append(starts - pressed[seen])
        took = time.monotonic() - begun
        landed.set()
        hand.join()
    return {
        "presses": len(arrived),
        "press to frames, median s": round(median(arrived), 3),
        "press to frames, most s": round(max(arrived), 3),
        "press to picture, median s": round(median(shown), 3),
        "press to picture, most s": round(max(shown), 3),
        "frames/s": round(frames / took, 2),
        "picture stood still, s": round(stalls, 2),
    }


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--model", default="mini")
    words.add_argument("--steps", type=int, default=None)
    words.add_argument("--seconds", type=float, default=20)
    words.add_argument("--format", default="jpeg")
    asked = words.parse_args()
    fields: dict[str, Any] = {"prompt": "hills at dawn", "realtime_output_format": asked.format}
    fields |= {"num_inference_steps": asked.steps} if asked.steps else {}
    with tempfile.TemporaryDirectory() as data:
        command = [
            sys.executable,
            "-m",
            "flythrough",
            "serve",
            "--port",
            "0",
            "--data",
            data,
            "--model",
            asked.model,
        ]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            address = server.stdout.readline().strip().removeprefix("http://")
            found = {
                "steps": asked.steps,
                "flat out, frames/s": round(rate(address, asked.seconds, **fields), 2),
            }
            print(json.dumps(found | latency(address, asked.seconds, 16.0, **fields), indent=1))
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
