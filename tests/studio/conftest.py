"""A server with the studio, and a headless Chromium that looks at it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.serving import Running, serving
from tests.studio.pages import WAIT_MS, Watched, watch

FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--enable-unsafe-swiftshader",
    "--no-first-run",
    "--no-sandbox",
]
SIZE = {"width": 1280, "height": 720}
expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="module")  # playwright keeps an event loop running, which later tests must not find
def browser() -> Iterator[Browser]:
    """Chromium without a screen or a GPU, as it comes: pages in software, WebGL drawn by the CPU."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("there is no Chromium; `apt-get install chromium` brings it")
        pytest.skip("there is no Chromium here")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def toy_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server whose model takes milliseconds and shows noise."""
    with serving(tmp_path_factory.mktemp("toy")) as running:
        yield running


@pytest.fixture(scope="module")
def mini_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with mini."""
    with serving(tmp_path_factory.mktemp("mini"), models=("mini",), random_weights=False) as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page with nothing stored. The test fails if its console says that anything went wrong."""
    context = browser.new_context(viewport=SIZE, accept_downloads=True)  # pyrefly: ignore[bad-argument-type]
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.on(
        "filechooser", lambda _: None
    )  # from here on none is cancelled; asked for later, it may come too late
    watched: Watched = watch(page)
    yield page
    context.close()
    assert watched.errors == []


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A photograph of noise."""
    from tests.serving import png

    path = tmp_path / "photo.png"
    path.write_bytes(png(480, 640))
    return path
