"""Flying live with mini."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.serving import Running
from tests.studio.pages import WAIT_MS, begin, keys, shown_pixels, stored


def frame(page: Page) -> int:
    """Number of the frame on show."""
    found = re.search(r"frame (\d+)", page.locator(".fly-bar").inner_text())
    assert found
    return int(found[1])


@pytest.mark.slow
def test_ten_seconds_are_flown_forked_taken_back_reloaded_and_made_a_path(
    page: Page, mini_server: Running
) -> None:
    begin(page, mini_server.address)
    page.keyboard.press("3")
    page.get_by_role("button", name="Take off").click()
    expect(page.get_by_text("Key to picture")).to_be_visible()
    expect(page.locator(".fly-bar")).to_contain_text(re.compile(r"frame [1-9]"))
    first, begun = shown_pixels(page, ".fly canvas"), frame(page)

    page.keyboard.down("w")
    page.wait_for_timeout(5000)
    page.keyboard.down("d")
    page.wait_for_timeout(5000)
    page.keyboard.up("w")
    page.keyboard.up("d")
    figures = page.locator(".fly-figures").inner_text()
    print(f"{frame(page) - begun} frames in 10 s; {' '.join(figures.split())}")
    assert frame(page) > begun + 16
    assert shown_pixels(page, ".fly canvas") != first
    assert re.search(r"Key to picture\s+\d+ ms", figures)

    page.keyboard.press("b")
    expect(page.get_by_role("button", name="Flight 1.1 from")).to_be_visible()
    page.keyboard.press(" ")
    expect(page.get_by_text("Paused. Space goes on")).to_be_visible()
    page.wait_for_timeout(1000)  # what was sent before is shown
    paused = frame(page)
    page.keyboard.press("Backspace")
    expect(page.locator(".fly-bar")).not_to_contain_text(f"frame {paused}")
    back = frame(page)
    assert back < paused + 8

    page.reload()
    expect(page.get_by_text("Paused. Space goes on")).to_be_visible()
    assert frame(page) == back
    expect(page.get_by_role("list", name="Flights").get_by_role("listitem")).to_have_count(2)

    page.get_by_role("button", name="Make this flight the shot's path").click()
    expect(keys(page).nth(1)).to_be_visible()
    end = stored(page)["keyframes"][-1]
    assert end["position"][2] > 1  # it went ahead
    assert end["time"] == pytest.approx((back - 1) / 16, abs=0.6)


def test_the_keys_of_the_dialect_are_held_and_let_go(page: Page, toy_server: Running) -> None:
    begin(page, toy_server.address)
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Key to picture")).to_be_visible()

    for letter in "wasdijklqerf":
        page.keyboard.down(letter)
        expect(page.locator(".cap.down")).to_have_text([letter])
        page.keyboard.up(letter)
    expect(page.locator(".cap.down")).to_have_count(0)

    flight = toy_server.http.get("/v1/sessions").json()["data"][0]
    page.keyboard.down("r")
    height = 0.0
    for _ in range(WAIT_MS // 500):
        page.wait_for_timeout(500)
        height = toy_server.http.get(f"/v1/sessions/{flight['id']}/path").json()["c2w"][-1][1][3]
        if height < -0.1:
            break
    page.keyboard.up("r")
    assert height < -0.1  # y is down: it rose
