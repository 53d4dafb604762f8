"""The load scripts with small counts; FLYTHROUGH_LOAD=1 plays them as large as the figures of docs/serve.md."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "serve_load"
LARGE = bool(os.environ.get("FLYTHROUGH_LOAD"))
pytestmark = pytest.mark.slow


def play(script: str, small: str, large: str) -> str:
    words = (large if LARGE else small).split()
    done = subprocess.run([sys.executable, SCRIPTS / script, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    return done.stdout


def test_kill_9_at_any_moment_loses_no_job_and_damages_no_film() -> None:
    said = play("kill.py", "--rounds 1 --jobs 4 --kills 3 --frames 80", "--rounds 50 --jobs 30 --kills 1")
    assert "0 lost, damaged or unfinished" in said


def test_malformed_requests_are_refused_and_memory_stays_flat() -> None:
    said = play("malformed.py", "--count 240 --examples 2", "--count 10000 --examples 50")
    assert "0 server errors" in said


def test_many_polling_clients_are_all_answered() -> None:
    said = play(
        "polling.py",
        "--clients 20 --frames 161 --every 0.1",
        "--clients 200 --frames 321 --rounds 3 --model mini --most 5",
    )
    assert int(said.split()[-2]) >= (200 if LARGE else 20)
