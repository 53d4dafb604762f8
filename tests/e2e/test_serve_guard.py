"""Who may use a server, from where, and how much of it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from flythrough.errors import InputError
from flythrough.serve.settings import Settings
from tests.serving import TOKEN, Running, png, serving


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(
        tmp_path_factory.mktemp("data"), upload_bytes=300_000, json_bytes=20_000, pixels=200_000, body_s=1.0
    ) as server:
        yield server


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("locked"), token=TOKEN) as server:
        yield server


def refused(answer: httpx2.Response, status: int) -> str:
    """The message of a refusal, in OpenAI's shape."""
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "code", "param"}
    return error["message"]


def spoken(address: str, text: bytes) -> bytes:
    """What is answered to these very bytes."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as wire:
        wire.sendall(text)
        wire.settimeout(5)
        parts = []
        try:
            while part := wire.recv(65536):
                parts.append(part)
        except TimeoutError:
            pass
    return b"".join(parts)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "192.168.1.7",
        "localhost.",
        "",
        "[::1",
        "a@b",
    ],
)
def test_a_name_that_was_pointed_here_is_refused(running: Running, host: str) -> None:
    said = spoken(
        running.address, f"GET /v1/limits HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    )
    assert said.split()[1] in (b"403", b"400"), said


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:8642", "LOCALHOST"])
def test_names_of_loopback_are_known(running: Running, host: str) -> None:
    assert running.http.get("/v1/limits", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://localhost:1", "https://127.0.0.1.evil.example", "file://"],
)
def test_a_page_of_another_origin_may_do_nothing(running: Running, origin: str) -> None:
    headers = {"Origin": origin}
    refused(running.http.post("/v1/videos", json={"camera": "w-8"}, headers=headers), 403)
    answer = running.http.get("/v1/videos", headers=headers)
    refused(answer, 403)
    assert "access-control-allow-origin" not in answer.headers
    preflight = running.http.options(
        "/v1/videos", headers=headers | {"Access-Control-Request-Method": "POST"}
    )
    refused(preflight, 403)


def test_an_image_or_form_of_another_page_is_refused_and_a_link_is_followed(running: Running) -> None:
    cross = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    refused(running.http.get("/v1/worlds", headers=cross), 403)
    visit = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert running.http.get("/health", headers=visit).status_code == 200
    refused(running.http.post("/v1/videos", headers=visit, json={}), 403)


def test_the_server_s_own_page_may_use_it(running: Running) -> None:
    same = {"Origin": running.address, "Sec-Fetch-Site": "same-origin"}
    assert running.http.get("/v1/videos", headers=same).status_code == 200


@pytest.mark.parametrize(
    "path", ["/v1/videos", "/v1/limits", "/v1/events", "/metrics", "/openapi.json", "/v1/sessions"]
)
def test_without_the_token_nothing_is_told(locked: Running, path: str) -> None:
    assert "token" in refused(locked.http.get(path), 401)
    assert "token" in refused(locked.http.get(path, headers={"Authorization": f"Bearer {TOKEN}x"}), 401)
    assert "token" in refused(locked.http.get(path, headers={"Authorization": f"Basic {TOKEN}"}), 401)
    assert "token" in refused(locked.http.get(path, headers={"Cookie": f"flythrough={TOKEN}"}), 401)


def test_with_the_token_or_the_cookie_that_it_buys_all_is_open(locked: Running) -> None:
    assert locked.http.get("/v1/videos", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    with httpx2.Client(base_url=locked.address, trust_env=False) as browser:
        refused(browser.post("/v1/login", json={"token": "wrong"}), 401)
        bought = browser.post("/v1/login", json={"token": TOKEN})
        assert bought.status_code == 204
        assert "HttpOnly" in bought.headers["set-cookie"]
        assert "SameSite=strict" in bought.headers["set-cookie"]
        assert TOKEN not in bought.headers["set-cookie"]
        assert browser.get("/v1/videos").status_code == 200
    assert locked.http.get("/health").status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::", "example.org"])
def test_any_other_bind_than_loopback_demands_a_token(tmp_path: Path, host: str) -> None:
    with pytest.raises(InputError, match="so a token is needed"):
        Settings(data=tmp_path, host=host)
    assert not Settings(data=tmp_path, host=host, token=TOKEN).loopback


def test_a_short_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 16"):
        Settings(data=tmp_path, token="secret")


def test_long_bodies_are_refused_whether_they_say_so_or_not(running: Running) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            yield b" " * 4000

    refused(running.http.post("/v1/camera/resolve", content=b" " * 30_000), 413)
    refused(running.http.post("/v1/videos", files={"input_reference": png(600, 600)}), 413)
    for path in ("/v1/camera/resolve", "/v1/videos"):
        with suppress(httpx2.WriteError):  # it hung up on the rest
            refused(running.http.post(path, content=endless()), 413)
    said = spoken(
        running.address, b"POST /v1/videos HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n"
    )
    assert said.split()[1] in (b"400", b"413")


def test_a_body_that_never_comes_is_not_waited_for(running: Running) -> None:
    start = time.monotonic()
    head = b"POST /v1/videos HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
    said = spoken(running.address, head)
    assert said.split()[1] == b"408"
    assert time.monotonic() - start < 20


@pytest.mark.parametrize(
    "bad",
    [
        "../../jobs.sqlite",
        "%2e%2e%2f%2e%2e%2fjobs.sqlite",
        "..%5c..%5cjobs.sqlite",
        "video_" + "0" * 32,
        "video_../x",
    ],
)
def test_no_path_leads_out_of_the_folder_of_a_job(running: Running, bad: str) -> None:
    for path in (
        f"/v1/videos/{bad}/content",
        f"/v1/videos/{bad}/poster.jpg",
        f"/v1/videos/{bad}",
        f"/assets/{bad}",
    ):
        said = spoken(
            running.address, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        assert said.split()[1] in (b"404", b"422", b"405")
        assert b"SQLite" not in said


UP = "../../../../etc/passwd"


@pytest.mark.parametrize("fields", [{name: UP} for name in (
    "camera", "keys", "model", "input_reference", "size", "world", "seed", "action", "camera_to_world", "intrinsics",
    "reference_url", "output_path", "image_reference", "extra_body", "steps", "lens", "fov_deg",
)])  # fmt: skip
def test_a_path_in_any_field_is_refused(running: Running, fields: dict[str, Any]) -> None:
    before = running.http.get("/v1/videos").json()["data"]
    answer = running.http.post("/v1/videos", json={"camera": "w-8"} | fields)
    assert answer.status_code == 422, answer.text
    assert running.http.get("/v1/videos").json()["data"] == before


def test_a_path_as_prompt_name_or_user_is_only_text(running: Running) -> None:
    job = running.ask(prompt=UP, name=UP, user=UP, camera="w-1")
    folder = running.server.jobs.folder(job["id"]).path
    assert folder.parent == running.server.settings.videos
    assert running.http.get(f"/v1/videos/{job['id']}/request").json()["name"] == UP
    running.http.delete(f"/v1/videos/{job['id']}")


def test_a_file_s_name_in_an_upload_is_not_used(running: Running) -> None:
    files = {"input_reference": ("../../../../tmp/evil.png", png(), "image/png")}
    job = running.http.post("/v1/videos", data={"camera": "w-1"}, files=files).json()
    names = {path.name for path in running.server.jobs.folder(job["id"]).path.iterdir()}
    assert "evil.png" not in names
    running.http.delete(f"/v1/videos/{job['id']}")


def test_pictures_with_too_many_pixels_are_refused(running: Running) -> None:
    from tests.unit.test_serve_pictures import bomb

    for size in ((50_000, 50_000), (500, 500)):
        answer = running.http.post(
            "/v1/videos",
            data={"camera": "w-8"},
            files={"input_reference": ("a.png", bomb(*size), "image/png")},
        )
        assert "pixels" in refused(answer, 422)


def test_every_answer_forbids_what_a_page_does_not_need(running: Running) -> None:
    for answer in (running.http.get("/health"), running.http.get("/nothing"), running.http.get("/v1/videos")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_the_openapi_page_loads_nothing_from_elsewhere(running: Running) -> None:
    assert running.http.get("/docs").status_code == 404
    page = running.http.get("/openapi.json").json()
    for path in ("/v1/videos", "/v1/camera/resolve", "/v1/worlds/{seed}/scene", "/v1/sessions"):
        assert path in page["paths"]
    assert {"VideoRequest", "VideoJob", "Preview", "Gone"} <= set(page["components"]["schemas"])


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 5000, b'{"seed": 1e999}']
)
def test_what_is_no_request_is_a_sentence(running: Running, body: bytes) -> None:
    answer = running.http.post("/v1/videos", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    assert json.loads(answer.text)["error"]["message"]
