"""Everybody can use it: by keyboard alone, and with a screen reader."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.serving import Running
from tests.studio.pages import begin, open_studio

FOCUSABLE = "button:not(:disabled), input:not(:disabled), select, textarea, [tabindex='0']"
NAME = "[document.activeElement].map(e => (window.seen ??= new Set()).add(e)).length"


def empty(page: Page, address: str) -> None:
    open_studio(page, address)
    expect(page.locator(".world-card:not(.ghost)")).to_have_count(11)


def keyframe(page: Page, address: str) -> None:
    begin(page, address, keyframes=3)


def moves(page: Page, address: str) -> None:
    begin(page, address, keyframes=2)
    page.get_by_role("tab", name="Moves").click()
    page.get_by_role("button", name="spiral").click()
    expect(page.get_by_role("button", name="Make keyframes")).to_be_enabled()


def several(page: Page, address: str) -> None:
    begin(page, address, keyframes=3)
    page.keyboard.press("Control+a")


def overview(page: Page, address: str) -> None:
    begin(page, address)
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keyboard")).to_be_visible()


def take(page: Page, address: str) -> None:
    begin(page, address, keyframes=2)
    page.get_by_role("button", name="Generate").click()
    expect(page.locator(".take.completed").first).to_be_visible()
    page.keyboard.press("2")
    expect(page.locator("video")).to_be_visible()


def fly(page: Page, address: str) -> None:
    begin(page, address)
    page.keyboard.press("3")
    expect(page.get_by_role("button", name="Take off")).to_be_visible()


def flying(page: Page, address: str) -> None:
    fly(page, address)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Key to picture")).to_be_visible()


STATES = [empty, keyframe, moves, several, overview, take, fly, flying]


@pytest.mark.parametrize("reach", STATES)
def test_axe_finds_nothing_serious(
    page: Page, toy_server: Running, reach: Callable[[Page, str], None]
) -> None:
    reach(page, toy_server.address)

    found = Axe().run(page).response["violations"]

    serious = [
        f"{one['id']}: {node['html'][:120]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
    assert serious == []


@pytest.mark.parametrize("reach", [empty, keyframe, moves, several, take, fly])
def test_the_tab_key_reaches_every_control(
    page: Page, toy_server: Running, reach: Callable[[Page, str], None]
) -> None:
    reach(page, toy_server.address)
    for _ in range(3):  # what came when its turn had passed is reached in the next round
        for _ in range(page.locator(FOCUSABLE).count() + 20):
            page.keyboard.press("Tab")
            page.evaluate(NAME)
        missed = page.evaluate(
            """selector => [...document.querySelectorAll(selector)]
                .filter(element => !window.seen.has(element) && element.checkVisibility())
                .map(element => element.outerHTML.slice(0, 120))""",
            FOCUSABLE,
        )
        if not missed:
            break
    assert missed == []
