"""A server with a token: the studio asks for it once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.serving import TOKEN, Running, serving
from tests.studio.conftest import SIZE
from tests.studio.pages import Watched, pick_world, shown_pixels, watch


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that answers nobody without the token."""
    with serving(tmp_path_factory.mktemp("guarded"), token=TOKEN) as running:
        running.http.headers["Authorization"] = f"Bearer {TOKEN}"
        yield running


@pytest.fixture
def stranger(browser: Browser) -> Iterator[tuple[Page, Watched]]:
    """A page that the server does not know, and what it complains of: refusals are among that."""
    context = browser.new_context(viewport=SIZE)  # pyrefly: ignore[bad-argument-type]
    page = context.new_page()
    page.set_default_timeout(30_000)
    yield page, watch(page)
    context.close()


def asked(page: Page, guarded: Running) -> Locator:
    """The dialog that a stranger is met with."""
    page.goto(guarded.address)
    dialog = page.get_by_role("dialog", name="Log in")
    expect(dialog).to_be_visible()
    return dialog


def log_in(page: Page, token: str) -> None:
    page.get_by_role("textbox", name="Token").fill(token)
    page.get_by_role("dialog").get_by_role("button", name="Log in").click()


def test_the_dialog_refuses_a_wrong_token_in_words_and_the_right_one_opens_everything(
    stranger: tuple[Page, Watched], guarded: Running
) -> None:
    page, watched = stranger
    dialog = asked(page, guarded)
    expect(page.get_by_role("textbox", name="Token")).to_be_focused()

    log_in(page, "not the token, but long enough")
    expect(dialog.get_by_role("alert")).to_have_text("that is not the token")
    assert page.context.cookies() == []

    log_in(page, TOKEN)
    expect(page.get_by_text("Connected")).to_be_visible()
    expect(dialog).to_have_count(0)
    assert all("401" in error for error in watched.errors)
    watched.errors.clear()

    pick_world(page)
    page.keyboard.press("a")
    page.reload()
    expect(page.get_by_text("Connected")).to_be_visible()
    page.get_by_role("button", name="Generate").click()
    expect(page.locator(".take.completed")).to_be_visible()  # events came
    page.keyboard.press("2")
    expect(page.locator("video")).to_have_js_property("readyState", 4)
    assert len(set(shown_pixels(page, "video"))) > 8  # a picture of noise

    page.keyboard.press("3")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Key to picture")).to_be_visible()  # the WebSocket too
    assert watched.errors == []


def test_the_cookie_proves_the_token_without_holding_it(
    stranger: tuple[Page, Watched], guarded: Running
) -> None:
    page, _ = stranger
    page.goto(guarded.address)
    log_in(page, TOKEN)
    expect(page.get_by_text("Connected")).to_be_visible()

    (cookie,) = page.context.cookies()

    assert TOKEN not in str(cookie)
    assert (cookie.get("httpOnly"), cookie.get("sameSite")) == (True, "Strict")
    assert page.evaluate("document.cookie") == ""


def test_a_dialog_that_was_put_away_can_be_had_again(
    stranger: tuple[Page, Watched], guarded: Running
) -> None:
    page, _ = stranger
    dialog = asked(page, guarded)
    page.wait_for_load_state("networkidle")  # each call that is refused shows it
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)

    page.get_by_role("button", name="Log in").click()

    log_in(page, TOKEN)
    expect(page.get_by_text("Connected")).to_be_visible()
    expect(page.get_by_role("button", name="Log in")).to_have_count(0)
