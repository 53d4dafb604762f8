"""Flying with the mouse and with a gamepad: what the server's camera does."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.serving import Running
from tests.studio.pages import WAIT_MS, begin

# A pad of the standard mapping: four axes in -1..1, 17 buttons. No browser brings one without the hardware.
PAD = """
window.pad = {
    index: 0, id: "pad of a test", mapping: "standard", connected: true, timestamp: 0, axes: [0, 0, 0, 0],
    buttons: Array.from({ length: 17 }, () => ({ pressed: false, touched: false, value: 0 })),
};
navigator.getGamepads = () => [null, window.pad, null, null];
"""


@dataclass
class Camera:
    """Where a flight's camera is: metres to the right, down and ahead; degrees to the right, up and clockwise."""

    x: float
    y: float
    z: float
    yaw: float
    pitch: float
    roll: float


def take_off(page: Page, running: Running) -> Callable[[], Camera]:
    """Fly from the first world. What comes back asks the server where its newest frame was seen from."""
    begin(page, running.address)
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Key to picture")).to_be_visible()
    id = page.evaluate("JSON.parse(localStorage.getItem('flythrough.flight'))")

    def camera() -> Camera:
        pose = running.http.get(f"/v1/sessions/{id}/path").json()["c2w"][-1]
        (x, y, z), r = (row[3] for row in pose[:3]), pose
        turns = (
            math.atan2(r[0][2], r[2][2]),
            math.atan2(-r[1][2], math.hypot(r[1][0], r[1][1])),
            math.atan2(r[1][0], r[1][1]),
        )
        return Camera(x, y, z, *map(math.degrees, turns))

    return camera


def until(page: Page, true: Callable[[], bool], do: Callable[[], Any] = lambda: None) -> bool:
    """Do something again and again, until something is true; False after a minute."""
    for _ in range(WAIT_MS // 100):
        do()
        page.wait_for_timeout(100)
        if true():
            return True
    return False


def push(page: Page, axes: tuple[float, ...] = (0, 0, 0, 0), button: int | None = None) -> None:
    """Hold the sticks so, and one button; let go of the others."""
    page.evaluate(
        "([axes, button]) => {"
        " pad.axes = axes; pad.buttons.forEach((one, i) => { one.pressed = i === button; one.value = +one.pressed; });"
        "}",
        [axes, button],
    )


def test_the_mouse_turns_the_servers_camera_while_it_is_held_by_the_picture(
    page: Page, toy_server: Running
) -> None:
    camera = take_off(page, toy_server)
    box = page.locator(".fly canvas").bounding_box()
    assert box is not None
    x, y = box["x"] + 40, box["y"] + box["height"] - 40
    page.mouse.move(x, y)
    page.mouse.move(x + 100, y, steps=4)
    expect(page.locator(".cap.down")).to_have_count(0)  # a mouse that only passes by steers nothing

    page.mouse.click(x, y)
    assert until(page, lambda: page.evaluate("document.pointerLockElement?.tagName") == "CANVAS")
    before = camera()
    right = (page.mouse.move(x + 30 * i, y) for i in range(1, 30))
    assert until(page, lambda: camera().yaw > before.yaw + 5, lambda: next(right))
    turned = camera()
    assert turned.pitch == pytest.approx(before.pitch, abs=1)
    up = (page.mouse.move(x, y - 25 * i) for i in range(16))
    assert until(page, lambda: camera().pitch > turned.pitch + 3, lambda: next(up))

    expect(page.locator(".cap.down")).to_have_count(0)  # a mouse at rest turns no further
    page.evaluate("document.exitPointerLock()")
    assert until(page, lambda: page.evaluate("document.pointerLockElement") is None)
    page.mouse.move(x + 100, y, steps=4)
    expect(page.locator(".cap.down")).to_have_count(0)


STICKS_AND_BUTTONS = [
    ("w", (0, -0.9, 0, 0), None, lambda a, b: b.z > a.z + 0.3),
    ("l", (0.9, 0, 0, 0), None, lambda a, b: b.x > a.x + 0.3),
    ("d", (0, 0, 0.9, 0), None, lambda a, b: b.yaw > a.yaw + 5),
    ("a", (0, 0, -0.9, 0), None, lambda a, b: b.yaw < a.yaw - 5),
    ("i", (0, 0, 0, -0.9), None, lambda a, b: b.pitch > a.pitch + 3),
    ("r", (0, 0, 0, 0), 7, lambda a, b: b.y < a.y - 0.2),
    ("f", (0, 0, 0, 0), 6, lambda a, b: b.y > a.y + 0.2),
    ("e", (0, 0, 0, 0), 5, lambda a, b: abs(b.roll - a.roll) > 3),
]


def test_a_gamepad_flies(page: Page, toy_server: Running) -> None:
    page.add_init_script(PAD)
    camera = take_off(page, toy_server)
    push(page, axes=(0.2, -0.2, 0.1, 0.3))  # worn sticks do not rest in the middle
    page.wait_for_timeout(300)
    expect(page.locator(".cap.down")).to_have_count(0)

    for letter, axes, button, moved in STICKS_AND_BUTTONS:
        before = camera()
        push(page, axes, button)
        expect(page.locator(".cap.down")).to_have_text([letter])
        assert until(page, lambda before=before, moved=moved: moved(before, camera())), letter
        push(page)
        expect(page.locator(".cap.down")).to_have_count(0)


def test_a_gamepad_of_an_unknown_mapping_steers_nothing(page: Page, toy_server: Running) -> None:
    page.add_init_script(PAD + "pad.mapping = ''; pad.axes = [-1, -1, -1, -1, -1, -1];")
    take_off(page, toy_server)

    page.wait_for_timeout(500)

    expect(page.locator(".cap.down")).to_have_count(0)
