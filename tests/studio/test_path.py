"""Drawing a path in the browser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from flythrough.camera.path import CameraPath
from tests.serving import Running
from tests.studio.pages import begin, keys, number, open_studio, pick_world, stored

PAINT = """new Promise(told => new PerformanceObserver(list => {
    const [entry] = list.getEntriesByName("first-contentful-paint");
    if (entry) told(entry.startTime);
}).observe({ type: "paint", buffered: true }))"""


def test_the_first_paint_waits_for_nothing_heavy(page: Page, toy_server: Running) -> None:
    held: list[Route] = []
    for heavy in ("**/assets/stage-*.js", "**/assets/setting-*.js", "**/v1/worlds/*", "**/*.woff2"):
        page.route(heavy, lambda route: held.append(route))

    page.goto(toy_server.address, wait_until="commit")
    print(f"first contentful paint after {page.evaluate(PAINT):.0f} ms")

    expect(page.get_by_role("heading", name="Where does the flight begin?")).to_be_visible()
    assert held  # what is heavy was asked for, and has not come


def test_an_empty_shot_offers_places_and_says_what_comes_next(page: Page, toy_server: Running) -> None:
    open_studio(page, toy_server.address)

    expect(page.get_by_role("heading", name="Where does the flight begin?")).to_be_visible()
    expect(page.locator(".world-card:not(.ghost)")).to_have_count(11)

    pick_world(page)
    expect(page.get_by_text("A path needs a second keyframe.")).to_be_visible()


def test_a_path_is_drawn_by_keyboard_and_every_step_can_be_undone(page: Page, toy_server: Running) -> None:
    begin(page, toy_server.address, keyframes=3)
    expect(page.locator(".transport-length")).to_contain_text("4.00 s · 65 frames")

    number(page, "Yaw, degrees to the right").fill("30")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    assert stored(page)["keyframes"][2]["yaw"] == 30

    for _ in range(3):
        page.keyboard.press("Control+z")
    expect(keys(page)).to_have_count(1)
    for _ in range(3):
        page.keyboard.press("Control+Shift+z")
    expect(keys(page)).to_have_count(3)
    assert stored(page)["keyframes"][2]["yaw"] == 30


def test_keyframes_are_dragged_in_time_and_in_value(page: Page, toy_server: Running) -> None:
    begin(page, toy_server.address, keyframes=2)
    box = keys(page).nth(1).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 120, y, steps=6)
    page.mouse.up()
    moved = stored(page)["keyframes"][1]
    assert 0 < moved["time"] < 2
    assert moved["time"] * 2 == round(moved["time"] * 2)  # snapped to half seconds

    dot = page.locator("svg.axis-z .key").nth(1).bounding_box()
    assert dot is not None
    page.mouse.move(dot["x"] + dot["width"] / 2, dot["y"] + dot["height"] / 2)
    page.mouse.down()
    page.mouse.move(dot["x"] + dot["width"] / 2, dot["y"] + 30, steps=6)
    page.mouse.up()
    assert stored(page)["keyframes"][1]["position"][2] < 3

    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert stored(page)["keyframes"][1]["time"] == 2
    assert stored(page)["keyframes"][1]["position"][2] == 3


def test_a_move_becomes_keyframes_that_fly_it(page: Page, toy_server: Running) -> None:
    begin(page, toy_server.address)
    page.get_by_role("tab", name="Moves").click()
    page.get_by_role("button", name="orbit").click()
    expect(page.get_by_role("button", name="Make keyframes")).to_be_enabled()

    page.get_by_role("button", name="Make keyframes").click()
    expect(page.locator(".key-button").nth(2)).to_be_visible()

    end = stored(page)["keyframes"][-1]
    truth = CameraPath.parse("orbit", frames=81)
    assert end["time"] == pytest.approx(5)
    assert end["position"] == pytest.approx(truth.positions[-1].tolist(), abs=1e-3)
    assert end["yaw"] == pytest.approx(-60, abs=0.01)


def test_what_the_model_has_not_seen_is_said(page: Page, toy_server: Running) -> None:
    begin(page, toy_server.address, keyframes=2)
    expect(page.get_by_text("Within what the model has seen")).to_be_visible()

    number(page, "Z, metres ahead").fill("60")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="warning").click()

    expect(page.get_by_text("the model has seen up to 6")).to_be_visible()


def test_an_exported_path_is_what_the_library_reads(page: Page, toy_server: Running, tmp_path: Path) -> None:
    begin(page, toy_server.address, keyframes=3)
    number(page, "FOV, horizontal field of view in degrees").fill("55")
    page.keyboard.press("Enter")

    with page.expect_download() as download:
        page.keyboard.press("Control+s")
    file = tmp_path / "path.json"
    download.value.save_as(file)

    path = CameraPath.load(file)
    assert path.frames == 65
    assert path.positions[-1].tolist() == pytest.approx([0, 0, 6])
    assert float(path.fov_deg[-1, 0]) == pytest.approx(55)

    given = json.loads(file.read_text())
    given["keyframes"] = given["keyframes"][:2]
    file.write_text(json.dumps(given))
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Control+o")
    chooser.value.set_files(file)
    expect(keys(page)).to_have_count(2)


def test_a_file_that_is_no_path_is_refused_in_words(page: Page, toy_server: Running, tmp_path: Path) -> None:
    begin(page, toy_server.address, keyframes=2)
    file = tmp_path / "wrong.json"
    file.write_text('{"poses": []}')

    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Control+o")
    chooser.value.set_files(file)

    expect(page.get_by_text('wrong.json holds neither "keyframes" nor "c2w"')).to_be_visible()
    expect(keys(page)).to_have_count(2)


def test_a_reload_loses_nothing(page: Page, toy_server: Running, picture: Path) -> None:
    begin(page, toy_server.address, keyframes=3)
    page.get_by_role("textbox", name="Prompt").fill("a harbour at night")
    with page.expect_file_chooser() as chooser:
        page.locator(".first-drop").click()
    chooser.value.set_files(picture)
    expect(page.get_by_alt_text("First frame: photo.png")).to_be_visible()
    expect(page.get_by_text("Saved")).to_be_visible()
    before = stored(page)

    page.reload()

    expect(page.get_by_alt_text("First frame: photo.png")).to_be_visible()
    assert stored(page) == before
    expect(page.get_by_role("textbox", name="Prompt")).to_have_value("a harbour at night")
    for _ in range(4):  # picture, prompt, two keyframes
        page.keyboard.press("Control+z")
    expect(keys(page)).to_have_count(1)


def test_an_address_says_what_to_do(page: Page, toy_server: Running) -> None:
    page.goto(f"{toy_server.address}/#fly", wait_until="commit")

    expect(page.get_by_role("button", name="Take off")).to_be_visible()

    page.evaluate("location.hash = 'path'")  # as from the address bar of a page already open
    expect(page.get_by_text("Where does the flight begin?")).to_be_visible()
