"""From a path to takes, with mini: queued, watched, played, compared."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from flythrough.serve.schema import VideoJob
from tests.serving import Running
from tests.studio.pages import begin, keys, number, shown_pixels, stored

FINISH_MS = 180_000


def generate(page: Page) -> None:
    """Press the button, and see the take in the list."""
    before = page.locator(".take").count()
    page.get_by_role("button", name="Generate").click()
    expect(page.locator(".take")).to_have_count(before + 1)


@pytest.mark.slow
def test_a_clip_is_queued_watched_and_played(page: Page, mini_server: Running) -> None:
    begin(page, mini_server.address, keyframes=2)
    generate(page)
    expect(page.get_by_role("progressbar", name="Progress")).to_be_visible()

    page.keyboard.press("2")
    expect(page.get_by_text("of 33 frames")).to_be_visible()  # while it is made
    page.reload()  # in the middle of it
    expect(page.locator(".take.completed")).to_have_count(1, timeout=FINISH_MS)

    expect(page.locator("video")).to_be_visible()
    page.wait_for_timeout(500)
    first = shown_pixels(page, "video")
    page.keyboard.press(" ")
    page.wait_for_timeout(1200)
    page.keyboard.press(" ")
    later = shown_pixels(page, "video")

    assert page.evaluate("document.querySelector('video').currentTime") > 0.2
    assert first != later
    job = VideoJob(**mini_server.http.get("/v1/videos").json()["data"][0])
    assert (job.num_frames, job.status, job.seed) == (33, "completed", 0)


@pytest.mark.slow
def test_two_takes_play_in_step(page: Page, mini_server: Running) -> None:
    begin(page, mini_server.address, keyframes=2)
    number(page, "Time in seconds").fill("0.5")
    page.keyboard.press("Enter")
    generate(page)
    page.get_by_role("button", name="Another seed").click()
    generate(page)
    expect(page.locator(".take:not(.completed)")).to_have_count(0, timeout=FINISH_MS)

    page.keyboard.press("2")
    page.locator(".take-open").nth(0).click()
    page.get_by_role("button", name="Compare with another take").click()
    expect(page.locator("video")).to_have_count(2)
    expect(page.get_by_role("slider", name="Wipe between take A and take B")).to_be_visible()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(400)
    times = page.evaluate("[...document.querySelectorAll('video')].map(video => video.currentTime)")
    assert times[0] == pytest.approx(2.5 / 16, abs=0.01)
    assert times[1] == pytest.approx(times[0], abs=0.02)

    page.keyboard.press("w")
    expect(page.get_by_role("slider", name="Wipe between take A and take B")).to_have_count(0)
    expect(page.locator("video")).to_have_count(2)


def test_a_take_can_be_cancelled_tried_again_downloaded_reopened_and_deleted(
    page: Page, toy_server: Running
) -> None:
    begin(page, toy_server.address, keyframes=3)
    number(page, "Time in seconds").fill("60")
    page.keyboard.press("Enter")
    generate(page)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".take.cancelled")).to_be_visible()

    page.locator(".take").hover()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".take.completed")).to_be_visible()

    page.locator(".take").hover()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.path().read_bytes()[4:8] == b"ftyp"

    path = stored(page)["keyframes"]
    page.keyboard.press("Escape")
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    expect(keys(page)).to_have_count(1)
    page.locator(".take-open").click()
    page.get_by_role("button", name="Make this take's place, words and path the shot").click()
    expect(keys(page)).to_have_count(3)
    assert [key["position"] for key in stored(page)["keyframes"]] == [key["position"] for key in path]

    page.locator(".take").hover()
    page.get_by_role("button", name="Delete").last.click()
    expect(page.locator(".take")).to_have_count(0)


def test_a_dropped_picture_is_the_first_frame(page: Page, toy_server: Running, picture: Path) -> None:
    begin(page, toy_server.address, keyframes=2)
    with page.expect_file_chooser() as chooser:
        page.locator(".first-drop").click()
    chooser.value.set_files(picture)
    expect(page.get_by_alt_text("First frame: photo.png")).to_be_visible()

    generate(page)
    expect(page.locator(".take.completed")).to_have_count(1)

    asked = toy_server.http.get("/v1/videos").json()["data"][0]
    request = toy_server.http.get(f"/v1/videos/{asked['id']}/request").json()
    assert request.get("world") is None
    given = Image.open(BytesIO(toy_server.http.get(f"/v1/videos/{asked['id']}/picture.png").content))
    noise = np.asarray(given).astype(float)  # grey on the whole, and nowhere smooth, unlike any world
    assert noise.mean() == pytest.approx(127, abs=4)
    assert np.abs(np.diff(noise, axis=1)).mean() > 4
