"""The clients that people have: OpenAI's, ours, and the command."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from flythrough import AsyncClient, Client, InputError
from flythrough.client import ServerError
from flythrough.media import complete_frames
from tests.command import flythrough
from tests.serving import TOKEN, Running, png, serving

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("data")) as server:
        yield server


@pytest.fixture
def theirs(running: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{running.address}/v1", api_key="any", max_retries=0) as client:
        yield client


def test_openai_s_client_makes_a_video_from_words_to_file(theirs: openai.OpenAI, tmp_path: Path) -> None:
    video = theirs.videos.create(
        prompt="a lake", input_reference=("first.png", png(), "image/png"), seconds="4",
        extra_body={"camera": "w-40", "seed": 5, "steps": 2},
    )  # fmt: skip
    assert (video.object, video.model, video.size, video.seconds) == ("video", "toy", "96x64", "2.5625")
    assert video.status in ("queued", "in_progress")
    video = theirs.videos.poll(video.id)
    assert (video.status, video.progress, video.error) == ("completed", 100, None)
    theirs.videos.download_content(video.id).write_to_file(tmp_path / "fly.mp4")
    assert complete_frames(tmp_path / "fly.mp4") == 41
    assert theirs.videos.download_content(video.id, variant="thumbnail").read().startswith(b"\xff\xd8")

    assert video.id in [one.id for one in theirs.videos.list()]
    assert theirs.videos.retrieve(video.id).id == video.id
    assert theirs.videos.delete(video.id).deleted
    with pytest.raises(openai.NotFoundError):
        theirs.videos.retrieve(video.id)


def test_openai_s_client_pages_through_all_videos(theirs: openai.OpenAI, running: Running) -> None:
    picture = png()
    made = {
        theirs.videos.create(prompt="", input_reference=("a.png", picture), extra_body={"camera": "w-1"}).id
        for _ in range(5)
    }
    listed = [one.id for one in theirs.videos.list(limit=2)]
    assert len(listed) == len(set(listed))
    assert made <= set(listed)
    for id in made:
        running.ended(id)


def test_openai_s_client_understands_what_is_refused(theirs: openai.OpenAI) -> None:
    with pytest.raises(openai.UnprocessableEntityError, match="toy makes 96x64, so leave size out"):
        theirs.videos.create(prompt="", size="1280x720")
    with pytest.raises(openai.UnprocessableEntityError, match="none that can be read"):
        theirs.videos.create(prompt="", input_reference=("first.png", b"no picture", "image/png"))
    with pytest.raises(
        openai.UnprocessableEntityError, match="there is no model called 'sora-2' here; there are toy"
    ):
        theirs.videos.create(prompt="", model="sora-2")
    assert [model.id for model in theirs.models.list()] == ["toy"]


def test_openai_s_client_sends_the_token(tmp_path: Path) -> None:
    with serving(tmp_path, token=TOKEN) as server:
        with openai.OpenAI(base_url=f"{server.address}/v1", api_key=TOKEN) as client:
            assert list(client.videos.list()) == []
        with (
            openai.OpenAI(base_url=f"{server.address}/v1", api_key="wrong", max_retries=0) as client,
            pytest.raises(openai.AuthenticationError),
        ):
            client.videos.list()


def test_our_client_makes_a_video_and_hears_how_it_goes(running: Running, tmp_path: Path) -> None:
    (tmp_path / "first.png").write_bytes(png())
    keyframes = [{"time": 0, "position": [0, 0, 0]}, {"time": 2, "position": [0, 0, 2]}]
    seen: list[int] = []
    with Client(running.address) as client:
        job = client.create(
            image=tmp_path / "first.png", camera={"keyframes": keyframes}, prompt="hills", seed=2
        )
        job = client.wait(job["id"], lambda now: seen.append(now["frames_done"]))
        assert job["status"] == "completed"
        assert seen == sorted(seen)
        assert seen[-1] == 33
        assert complete_frames(client.save(job, tmp_path / "fly.mp4")) == 33
        assert client.videos(limit=1)[0]["id"] == job["id"]
        client.delete(job["id"])
        with pytest.raises(ServerError, match="there is no video"):
            client.get(job["id"])
        with pytest.raises(InputError, match="a server opens none"):
            client.create(camera="walk.json")


def test_our_client_works_on_an_event_loop(running: Running, tmp_path: Path) -> None:
    async def fly() -> dict[str, object]:
        async with AsyncClient(running.address) as client:
            jobs = [await client.create(image=png(), camera="w-8", seed=seed) for seed in range(3)]
            ended = await asyncio.gather(*(client.wait(job["id"]) for job in jobs))
            await client.save(ended[0], tmp_path / "fly.mp4")
            return {job["status"]: job for job in ended}

    assert set(asyncio.run(fly())) == {"completed"}
    assert complete_frames(tmp_path / "fly.mp4") == 9


def test_a_client_without_a_server_says_how_to_start_one() -> None:
    with (
        Client("http://127.0.0.1:9") as client,
        pytest.raises(ServerError, match="`flythrough serve` starts a server"),
    ):
        client.get("video_x")
    with pytest.raises(InputError, match="expected an address"):
        Client("127.0.0.1:8642")


def test_a_waiting_client_outlives_the_server(tmp_path: Path) -> None:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    states: list[str] = []
    with serving(tmp_path, port=port) as server, Client(server.address) as client:
        id = client.create(image=png(), camera="w-400", seed=1)["id"]
        waiter = threading.Thread(target=lambda: states.append(Client(server.address).wait(id)["status"]))
        waiter.start()
        while client.get(id)["frames_done"] < 17:
            time.sleep(0.05)
    with serving(tmp_path, port=port):
        waiter.join(90)
    assert states == ["completed"]


def test_the_command_lets_a_server_make_the_video(running: Running, tmp_path: Path) -> None:
    (tmp_path / "first.png").write_bytes(png())
    (tmp_path / "walk.json").write_text(
        '{"keyframes": [{"time": 0, "position": [0, 0, 0]}, {"time": 1, "position": [0, 0, 1]}]}'
    )
    words = (
        "generate",
        "--server",
        running.address,
        "--model",
        "toy",
        "--image",
        "first.png",
        "--camera",
        "walk.json",
    )
    made = flythrough(tmp_path, *words, "--contact-sheet")
    assert made.returncode == 0, made.stderr
    assert made.stdout == "flythrough.mp4: 17 frames, 1.1 s\n"
    assert complete_frames(tmp_path / "flythrough.mp4") == 17
    assert (tmp_path / "flythrough.sheet.png").is_file()

    shown = flythrough(tmp_path, "ps", "--server", running.address)
    assert shown.returncode == 0, shown.stderr
    assert "toy" in shown.stdout
    refused = flythrough(tmp_path, *words, "--device", "cpu")
    assert refused.returncode == 2
    assert "the server's choice" in refused.stderr
