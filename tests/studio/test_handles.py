"""The handles in the 3-D view, dragged by their colours as a person sees them."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.serving import Running
from tests.studio.pages import begin, keys, stored

RED, GREEN = (0xF2, 0x77, 0x7C), (0x97, 0xC9, 0x6B)  # of the x and the y axis


def pixels(page: Page, color: tuple[int, int, int]) -> np.ndarray:
    """Where a handle of this colour shows: (N, 2) x and y on the page, in pixels, from left to right.

    A new view looks at the first metres of the path, so the handles are near its middle.
    """
    expect(page.get_by_text("Building the place")).to_have_count(0)
    box = page.locator(".viewport canvas").bounding_box()
    assert box is not None
    middle = np.array([box["x"] + box["width"] / 2, box["y"] + box["height"] / 2])
    shown = np.asarray(Image.open(BytesIO(page.screenshot())).convert("RGB")).astype(int)
    y, x = np.nonzero(np.abs(shown - color).max(-1) < 40)
    found = np.stack([x, y], 1)
    found = found[np.linalg.norm(found - middle, axis=1) < 70]
    assert len(found) > 20, "the handle is not seen"
    return found[found[:, 0].argsort()]


def drag(page: Page, start: np.ndarray, end: np.ndarray) -> None:
    page.mouse.move(*map(float, start))
    page.mouse.down()
    page.mouse.move(*map(float, end), steps=6)
    page.mouse.up()


def test_an_arrow_moves_a_keyframe_along_its_axis_and_one_undo_takes_it_back(
    page: Page, toy_server: Running
) -> None:
    begin(page, toy_server.address, keyframes=2)
    before = stored(page)["keyframes"]
    arrows = pixels(page, RED)
    left, right = arrows[0], arrows[-1]

    drag(page, right - (2, 0), right + (right - left))

    first, moved = stored(page)["keyframes"]
    assert first == before[0]
    assert moved["position"][0] >= 0.25
    assert moved["position"][0] % 0.25 == pytest.approx(0)  # snapping
    assert moved["position"][1:] == before[1]["position"][1:]
    assert [moved[turn] for turn in ("yaw", "pitch", "roll")] == [0, 0, 0]
    page.keyboard.press("Control+z")
    assert stored(page)["keyframes"] == before
    page.keyboard.press("Control+Shift+z")
    assert stored(page)["keyframes"][1] == moved


def test_a_ring_turns_a_keyframe_and_one_undo_takes_it_back(page: Page, toy_server: Running) -> None:
    begin(page, toy_server.address, keyframes=2)
    page.keyboard.press("t")
    page.keyboard.press("s")  # without snapping
    before = stored(page)["keyframes"]
    ring = pixels(page, GREEN)
    left, middle, right = ring[0], ring[len(ring) // 2], ring[-1]

    drag(page, middle, middle + right - left)

    turned = stored(page)["keyframes"][1]
    assert abs(turned["yaw"]) > 5
    assert [turned["pitch"], turned["roll"]] == pytest.approx([0, 0], abs=0.01)
    assert turned["position"] == before[1]["position"]
    page.keyboard.press("Control+z")
    assert stored(page)["keyframes"] == before


def test_a_click_at_a_handle_keeps_the_keyframe_selected(page: Page, toy_server: Running) -> None:
    begin(page, toy_server.address, keyframes=2)
    before = stored(page)
    right = pixels(page, RED)[-1] - (2, 0)

    drag(page, right, right)

    expect(page.get_by_role("textbox", name="X, metres to the right")).to_have_value("0.00")
    expect(keys(page)).to_have_count(2)
    assert stored(page) == before
