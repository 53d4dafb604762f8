"""What a person does with the studio, in a few words each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

WAIT_MS = 60_000  # two shared cores render pictures and a browser


@dataclass
class Watched:
    """What a page complained of."""

    errors: list[str] = field(default_factory=list)


def watch(page: Page) -> Watched:
    """Collect everything that a page says went wrong."""
    watched = Watched()

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "GPU stall" not in message.text:
            watched.errors.append(f"{message.text} ({message.location.get('url')})")

    page.on("console", hear)
    page.on("pageerror", lambda error: watched.errors.append(str(error)))
    return watched


def open_studio(page: Page, address: str) -> None:
    """The studio, connected to its server. The pictures of its worlds may come later."""
    page.goto(address, wait_until="commit")
    expect(page.get_by_text("Connected")).to_be_visible()


def pick_world(page: Page, number: int = 0) -> None:
    """One of the worlds of an empty shot."""
    page.locator(".world-card:not(.ghost)").nth(number).click()
    expect(page.locator(".key-button")).to_have_count(1)


def begin(page: Page, address: str, keyframes: int = 1) -> None:
    """A shot of the first world, with so many keyframes, two seconds and three metres apart."""
    open_studio(page, address)
    pick_world(page)
    for count in range(2, keyframes + 1):
        page.keyboard.press("a")
        expect(keys(page)).to_have_count(count)


def keys(page: Page) -> Locator:
    """The keyframes on the timeline."""
    return page.locator(".key-button")


def number(page: Page, name: str) -> Locator:
    """A field of the selected keyframe."""
    return page.get_by_role("textbox", name=name)


def stored(page: Page) -> dict[str, Any]:
    """The shot as the browser keeps it."""
    return page.evaluate("JSON.parse(localStorage.getItem('flythrough.shot'))")


def shown_pixels(page: Page, selector: str) -> list[int]:
    """A video or canvas, as 16 x 9 grey values."""
    return page.evaluate(
        """selector => {
            const canvas = new OffscreenCanvas(16, 9), context = canvas.getContext("2d");
            context.drawImage(document.querySelector(selector), 0, 0, 16, 9);
            const { data } = context.getImageData(0, 0, 16, 9);
            return Array.from({ length: 144 }, (_, i) => data[4 * i] + data[4 * i + 1] + data[4 * i + 2]);
        }""",
        selector,
    )
