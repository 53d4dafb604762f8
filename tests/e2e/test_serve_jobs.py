"""Videos as jobs: made, watched, stopped, tried again, thrown away; and the same as without a server."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flythrough.camera.path import CameraPath
from flythrough.media import complete_frames, read_video
from flythrough.order import Order
from flythrough.resume import begin
from flythrough.shot import Shot
from tests.serving import Running, png, serving, waiting

PICTURE = "data:image/png;base64," + base64.b64encode(png(64, 96)).decode()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("data"), queue=6) as server:
        yield server


def heard(running: Running, path: str, wanted: int, into: list[tuple[str, dict[str, Any]]]) -> None:
    """Read so many events of a stream."""
    with running.http.stream("GET", path) as stream:
        event = ""
        for line in stream.iter_lines():
            if line.startswith("event: "):
                event = line[7:]
            elif line.startswith("data: "):
                into.append((event, json.loads(line[6:])))
                if len(into) >= wanted:
                    return


def test_a_video_is_what_the_same_order_makes_without_a_server(running: Running, tmp_path: Path) -> None:
    job = running.ended(
        running.ask(camera="w-12,jw-20", prompt="hills", seed=0, input_reference=PICTURE)["id"]
    )
    assert (job["status"], job["progress"], job["num_frames"], job["frames_done"]) == (
        "completed",
        100,
        33,
        33,
    )
    content = running.http.get(f"/v1/videos/{job['id']}/content")
    assert content.headers["content-type"] == "video/mp4"

    camera = CameraPath.parse("w-12,jw-20", height=64, width=96)
    picture = np.array(Image.open(BytesIO(png(64, 96))))
    shot = Shot(camera=camera, prompt="hills", seed=0, image=picture)
    with begin(
        Order(out=tmp_path / "fly.mp4", shot=shot, model="toy", random_weights=True, device="cpu")
    ) as flight:
        for _ in flight:
            pass
    assert sha256(content.content).digest() == sha256((tmp_path / "fly.mp4").read_bytes()).digest()


def test_all_that_belongs_to_a_video_can_be_had(running: Running) -> None:
    asked = {
        "camera": "w-16",
        "seed": 3,
        "prompt": "a lake",
        "name": "take 1",
        "steps": 2,
        "input_reference": PICTURE,
    }
    id = running.ended(running.ask(**asked)["id"])["id"]
    for name, kind in (
        ("poster.jpg", "image/jpeg"),
        ("sheet.png", "image/png"),
        ("picture.png", "image/png"),
    ):
        answer = running.http.get(f"/v1/videos/{id}/{name}")
        assert answer.headers["content-type"] == kind
        assert Image.open(BytesIO(answer.content)).width >= 96
    path = running.http.get(f"/v1/videos/{id}/camera").json()
    assert np.array(path["c2w"]).shape == (17, 4, 4)
    assert path["c2w"] == CameraPath.parse("w-16").c2w.tolist()
    request = running.http.get(f"/v1/videos/{id}/request").json()
    assert {name: request[name] for name in ("camera", "seed", "prompt", "name", "steps")} == {
        name: asked[name] for name in ("camera", "seed", "prompt", "name", "steps")
    }
    part = running.http.get(f"/v1/videos/{id}/content", headers={"Range": "bytes=4-11"})
    assert (part.status_code, len(part.content)) == (206, 8)
    assert part.content.startswith(b"ftyp")
    assert running.http.head(f"/v1/videos/{id}/content").headers["content-length"].isdecimal()
    assert (
        running.http.get(f"/v1/videos/{id}/content?variant=spritesheet").headers["content-type"]
        == "image/png"
    )


def test_a_rendered_world_is_the_first_frame(running: Running) -> None:
    id = running.ended(running.ask(world={"seed": 5, "kind": "meadow"}, camera="w-1")["id"])["id"]
    shown = Image.open(BytesIO(running.http.get(f"/v1/videos/{id}/picture.png").content))
    assert shown.size == (96, 64)
    assert np.asarray(shown).std() > 10


def test_while_a_video_is_made_the_part_that_exists_plays(running: Running, tmp_path: Path) -> None:
    id = running.ask(camera="w-800", input_reference=PICTURE)["id"]
    for _ in waiting(30):
        if running.job(id)["frames_done"] >= 17:
            break
    answer = running.http.get(f"/v1/videos/{id}/content")
    (tmp_path / "part.mp4").write_bytes(answer.content)
    film, fps = read_video(tmp_path / "part.mp4")
    assert 17 <= len(film) == complete_frames(tmp_path / "part.mp4") < 801
    assert fps == 16
    running.http.delete(f"/v1/videos/{id}")


def test_events_tell_how_it_goes_from_now_to_the_end(running: Running) -> None:
    id = running.ask(camera="w-40", input_reference=PICTURE)["id"]
    events: list[tuple[str, dict[str, Any]]] = []
    heard(running, f"/v1/videos/{id}/events", 10_000, events)
    jobs = [data for event, data in events if event == "job"]
    assert [job["progress"] for job in jobs] == sorted(job["progress"] for job in jobs)
    assert jobs[0]["status"] in ("queued", "in_progress")
    assert jobs[-1]["status"] == "completed"
    previews = [data for event, data in events if event == "preview"]
    assert previews
    for preview in previews:
        assert Image.open(BytesIO(base64.b64decode(preview["jpeg"]))).width <= 320


def test_a_stopped_video_keeps_its_frames_and_goes_on_when_tried_again(
    running: Running, tmp_path: Path
) -> None:
    asked = {"camera": "w-120", "seed": 5, "input_reference": PICTURE}
    whole = running.ended(running.ask(**asked)["id"])["id"]
    id = running.ask(**asked)["id"]
    for _ in waiting(30):
        if running.job(id)["frames_done"] >= 33:
            break
    running.http.post(f"/v1/videos/{id}/cancel")
    job = running.ended(id)
    assert job["status"] == "cancelled"
    assert 33 <= job["frames_done"] < 121
    assert job["has_content"]
    assert running.http.get(f"/v1/videos/{id}/sheet.png").status_code == 200
    resumed = running.server.metrics.resumed._value.get()

    assert running.http.post(f"/v1/videos/{id}/retry").json()["status"] in ("queued", "in_progress")
    assert running.ended(id)["status"] == "completed"
    assert running.server.metrics.resumed._value.get() == resumed + 1
    films = [sha256(running.http.get(f"/v1/videos/{one}/content").content).digest() for one in (whole, id)]
    assert films[0] == films[1]
    assert running.http.post(f"/v1/videos/{id}/retry").status_code == 409
    assert running.http.post(f"/v1/videos/{id}/cancel").json()["status"] == "completed"


def test_a_deleted_video_is_gone_with_its_files_even_while_it_is_made(running: Running) -> None:
    id = running.ask(camera="w-800", input_reference=PICTURE)["id"]
    folder = running.server.jobs.folder(id).path
    for _ in waiting(30):
        if running.job(id).get("frames_done", 0) >= 9:
            break
    news: list[tuple[str, dict[str, Any]]] = []
    listener = threading.Thread(target=heard, args=(running, f"/v1/videos/{id}/events", 10_000, news))
    listener.start()
    time.sleep(0.2)
    assert running.http.delete(f"/v1/videos/{id}").json() == {
        "id": id,
        "object": "video.deleted",
        "deleted": True,
    }
    assert running.http.get(f"/v1/videos/{id}").status_code == 404
    listener.join(10)
    assert news[-1] == ("gone", {"id": id})
    for _ in waiting(20):
        if not folder.exists():
            break
    assert not folder.exists()
    assert running.http.delete(f"/v1/videos/{id}").status_code == 404


def test_a_full_queue_says_so_and_the_queue_is_fair(running: Running) -> None:
    first = running.ask(camera="w-2000", user="a", input_reference=PICTURE)["id"]
    for _ in waiting(30):
        if running.job(first)["status"] == "in_progress":
            break
    names = ["a", "a", "a", "b", "c"]
    ids = [running.ask(camera="w-1", user=name)["id"] for name in names]
    assert [running.job(id)["position"] for id in ids] == [3, 4, 5, 1, 2]
    full = running.http.post("/v1/videos", json={"camera": "w-1"})
    assert full.status_code == 429
    assert full.headers["retry-after"]
    assert full.json()["error"]["code"] == "queue_full"
    for id in (*ids, first):
        running.http.delete(f"/v1/videos/{id}")


def test_a_request_sent_twice_under_one_key_makes_one_video(running: Running) -> None:
    headers = {"Idempotency-Key": "once"}
    bodies = [
        running.http.post("/v1/videos", json={"camera": "w-1"}, headers=headers).json() for _ in range(3)
    ]
    assert len({body["id"] for body in bodies}) == 1
    running.ended(bodies[0]["id"])


def test_a_job_that_cannot_be_made_fails_with_a_sentence_and_the_next_one_is_made(running: Running) -> None:
    bad = running.ask(camera="w-1", input_reference=PICTURE)["id"]
    running.ended(bad)
    running.server.jobs.store.change(bad, status="failed")
    (running.server.jobs.folder(bad).path / "camera.npz").write_bytes(b"nothing")
    for file in running.server.jobs.folder(bad).path.glob("film*"):
        file.unlink()
    running.http.post(f"/v1/videos/{bad}/retry")
    job = running.ended(bad)
    assert (job["status"], job["error"]["code"]) == ("failed", "invalid_input")
    assert str(running.server.settings.data) not in job["error"]["message"]
    assert running.ended(running.ask(camera="w-1", input_reference=PICTURE)["id"])["status"] == "completed"


def test_facts_about_the_server_agree(running: Running) -> None:
    running.ended(running.ask(camera="w-8", input_reference=PICTURE)["id"])
    now = running.http.get("/v1/ps").json()
    assert [one["name"] for one in now["models"]] == ["toy"]
    assert running.http.get("/v1/models").json()["data"][0]["id"] == "toy"
    assert running.http.get("/v1/models/toy").json()["chunk_frames"] == 8
    assert running.http.get("/v1/models/none").status_code == 404
    metrics = running.http.get("/metrics").text
    assert 'flythrough_jobs_total{status="completed"}' in metrics
    assert 'flythrough_frames_total{by="job"}' in metrics
    assert running.http.get("/v1/limits").json()["frames"] == running.server.settings.frames


def test_a_camera_is_resolved_as_it_will_be_flown(running: Running) -> None:
    asked = {"camera": "orbit:radius=6", "frames": 961, "every": 8, "width": 448, "height": 256}
    found = running.http.post("/v1/camera/resolve", json=asked).json()
    path = CameraPath.parse("orbit:radius=6", frames=961)
    assert found["frames"] == 961
    assert found["at"][:2] == [0, 8]
    assert found["c2w"] == path.c2w[found["at"]].tolist()
    assert len(found["speed"]) == len(found["turn"]) == len(found["fov_deg"]) == len(found["at"])
    fast = {
        "keyframes": [{"time": 0, "position": [0, 0, 0]}, {"time": 1, "position": [0, 0, 30]}],
        "fov_deg": 110,
    }
    warnings = running.http.post("/v1/camera/resolve", json={"camera": fast}).json()["warnings"]
    assert {one["axis"] for one in warnings} >= {"move", "fov"}


def test_a_world_is_shown_in_words_as_a_picture_and_as_triangles(running: Running) -> None:
    words = running.http.get("/v1/worlds?start=3&count=2").json()
    assert [one["seed"] for one in words] == [3, 4]
    assert all(one["prompt"] and one["kind"] for one in words)
    shown = running.http.get("/v1/worlds/3.jpg")
    assert Image.open(BytesIO(shown.content)).size == (96, 64)
    assert running.http.get("/v1/worlds/3.jpg").content == shown.content
    small = running.http.get("/v1/worlds/3.jpg?width=72")
    assert Image.open(BytesIO(small.content)).size == (72, 48)
    assert running.http.get("/v1/worlds/3.jpg?width=500").content == shown.content
    data = running.http.get("/v1/worlds/3/scene").content
    vertices, triangles, wet = np.frombuffer(data, "<u4", 3).tolist()
    assert wet == 0  # in the snow
    xyz = np.frombuffer(data, "<f4", 3 * vertices, 12).reshape(-1, 3)
    start = 12 + 12 * vertices + -(-3 * vertices // 4) * 4
    index = np.frombuffer(data, "<u4", 3 * triangles, start)
    assert len(data) == start + 12 * triangles
    assert index.max() == vertices - 1
    assert np.isfinite(xyz).all()
    ahead = xyz[xyz[:, 2] > 1]
    assert ahead[:, 1].max() > 0.5  # ground below the camera: y is down
    assert running.http.get("/v1/worlds/3.jpg?kind=nowhere").status_code == 422


def test_the_water_of_a_world_comes_last_and_in_its_own_colour(running: Running) -> None:
    data = running.http.get("/v1/worlds/0/scene?kind=lake").content

    vertices, triangles, wet = np.frombuffer(data, "<u4", 3).tolist()
    xyz = np.frombuffer(data, "<f4", 3 * vertices, 12).reshape(-1, 3)
    rgb = np.frombuffer(data, np.uint8, 3 * vertices, 12 + 12 * vertices).reshape(-1, 3)
    water = np.frombuffer(data, "<u4", 3 * wet, len(data) - 12 * wet)
    assert 0 < wet < triangles
    red, _, blue = rgb[water].astype(int).T
    assert (blue > red + 40).all()
    up = np.linalg.svd(xyz[water] - xyz[water].mean(0))[2][-1]  # the sheet is level: one plane
    assert np.abs((xyz[water] - xyz[water].mean(0)) @ up).max() < 0.01
