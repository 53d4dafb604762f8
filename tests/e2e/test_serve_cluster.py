"""`flythrough serve --ray`: jobs on several workers at once, which may die, and so may the server."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from flythrough.media import read_video
from tests.clusters import Machines, machines
from tests.command import COMMAND, ENVIRONMENT
from tests.serving import waiting

WAIT_S = 180  # for what takes seconds on a machine that does nothing else


@contextmanager
def server(data: Path, cluster: Machines) -> Iterator[tuple[subprocess.Popen[str], httpx2.Client]]:
    """The command, as a user runs it; killed at the end of the block if it still runs."""
    words = ("--port", "0", "--data", str(data), "--ray", cluster.address, "--device", "cpu")
    more = ("--random-weights", "--save-every", "1")
    log = (data.parent / "log").open("a")
    with (
        log,
        subprocess.Popen(
            [COMMAND, "serve", *words, *more], env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=log
        ) as run,
    ):
        try:
            assert run.stdout is not None
            address = next(line for line in run.stdout if line.startswith("http")).strip()
            with httpx2.Client(base_url=address, trust_env=False, timeout=60) as http:
                yield run, http
        finally:
            run.kill()


def all_jobs(http: httpx2.Client) -> list[dict[str, Any]]:
    return http.get("/v1/videos?order=asc").json()["data"]


@pytest.mark.slow
def test_jobs_on_a_cluster_outlive_a_killed_worker_and_a_killed_server(tmp_path: Path) -> None:
    asked = {"camera": "w-48", "seed": 1, "steps": 1, "world": {"seed": 3}}
    data = tmp_path / "data"
    with machines(2) as cluster:
        with server(data, cluster) as (_, http):
            for _ in range(2):
                assert http.post("/v1/videos", json=asked).status_code == 200
            for _ in waiting(WAIT_S):
                if all(job["frames_done"] > 9 for job in all_jobs(http)):
                    break
            jobs = all_jobs(http)
            assert [job["status"] for job in jobs] == ["in_progress", "in_progress"]
            (_, worker), (_, _) = cluster.workers()
            worker.send_signal(signal.SIGKILL)
            done = [job["frames_done"] for job in jobs]
            for _ in waiting(WAIT_S):
                if all(job["frames_done"] > before for job, before in zip(all_jobs(http), done, strict=True)):
                    break
        with server(data, cluster) as (run, http):
            for _ in waiting(WAIT_S):
                if all(job["status"] == "completed" for job in all_jobs(http)):
                    break
            assert [job["status"] for job in all_jobs(http)] == ["completed", "completed"]
            one, two = (http.get(f"/v1/videos/{job['id']}/content").content for job in all_jobs(http))
            run.send_signal(signal.SIGTERM)
            run.wait(30)
    assert one == two  # one of them lost its worker
    (tmp_path / "one.mp4").write_bytes(one)
    assert len(read_video(tmp_path / "one.mp4")[0]) == 49
