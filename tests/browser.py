"""A real browser for the tests of pages: Chromium or Chrome, headless, driven by Playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next((path for path in map(shutil.which, NAMES) if path), None)

needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine: apt-get install chromium")


@contextmanager
def browser() -> Iterator[Browser]:
    """The machine's own browser; sound plays without a click and is not heard."""
    with sync_playwright() as playwright:
        options = ["--autoplay-policy=no-user-gesture-required", "--mute-audio"]
        opened = playwright.chromium.launch(executable_path=BROWSER, args=options, chromium_sandbox=False)
        try:
            yield opened
        finally:
            opened.close()
