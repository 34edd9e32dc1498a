"""A real browser for the pages: Debian's chromium, driven by playwright. Without one the tests are skipped, unless
``DQN_ZOO_EXT_NEEDS_BROWSER`` says that there must be one, as continuous integration does.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright


@contextlib.contextmanager
def opened(path: Path, width: int = 1100, height: int = 900) -> Iterator[tuple[Page, list[str]]]:
    """The page in `path`, and a list of what it complains of or asks a network for, which grows."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        if os.environ.get("DQN_ZOO_EXT_NEEDS_BROWSER"):
            pytest.fail("there is no chromium here")
        pytest.skip("there is no chromium here")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": height})
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        local = ("file:", "data:", "blob:")
        page.on("request", lambda sent: None if sent.url.startswith(local) else complaints.append(sent.url[:100]))
        page.goto(path.absolute().as_uri(), timeout=120_000)  # ms; a busy machine takes its time
        yield page, complaints
        browser.close()
