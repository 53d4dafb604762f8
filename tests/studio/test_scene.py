"""The place in three dimensions, beside the picture that the renderer made of it."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from tests.serving import Running
from tests.studio.pages import begin


def test_water_has_the_colour_of_the_worlds_own(page: Page, toy_server: Running) -> None:
    drawn = Image.open(BytesIO(toy_server.http.get("/v1/worlds/0.jpg").content))
    begin(page, toy_server.address)
    page.get_by_role("button", name="Camera", exact=True).click()
    expect(page.get_by_text("Building the place")).to_have_count(0)

    box = page.locator(".gate").bounding_box()
    assert box is not None
    shown = Image.open(BytesIO(page.screenshot())).convert("RGB")
    left, bottom = box["x"], box["y"] + box["height"]
    near_water = (left + 12, bottom - 60, left + 60, bottom - 12)  # in the picture's lower left corner
    corner = np.asarray(shown.crop(near_water)).mean((0, 1))
    truth = np.asarray(drawn.crop((2, drawn.height - 12, 16, drawn.height - 3))).mean((0, 1))
    print(f"shown {corner.round()}, drawn {truth.round()}")

    assert truth[2] > truth[0] + 30  # a lake is blue
    assert corner[2] > corner[0] + 30
    assert np.abs(corner - truth).max() < 25


COUNT = """
window.drawn = 0;
const clear = WebGL2RenderingContext.prototype.clear;
WebGL2RenderingContext.prototype.clear = function (...given) { window.drawn += 1; return clear.apply(this, given); };
"""


def test_the_scene_is_drawn_only_when_something_changes_and_never_beside_a_flight(
    page: Page, toy_server: Running
) -> None:
    page.add_init_script(COUNT)
    begin(page, toy_server.address, keyframes=2)
    expect(page.get_by_text("Building the place")).to_have_count(0)

    def drawn() -> int:
        page.wait_for_timeout(1000)
        return page.evaluate("drawn")

    settled = drawn()
    assert settled > 0
    assert drawn() == settled
    page.keyboard.press("ArrowLeft")  # the playhead moves
    moved = drawn()
    assert moved > settled
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Key to picture")).to_be_visible()
    begun = drawn()
    assert drawn() == begun
