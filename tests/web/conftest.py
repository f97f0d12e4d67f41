"""One browser for all tests of a file; skipped aloud where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium")
# The browser's own look-ups are no part of what is tested.
QUIET = (
    *("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--no-first-run", "--disable-quic"),
)


# Of a file, not of the run: while Playwright is started, this thread has a running event loop, in which asyncio.run and
# others refuse to work.
@pytest.fixture(scope="module")
def launched() -> Iterator[Callable[..., Any]]:
    """(further arguments) -> a Chromium."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install playwright")
    if CHROMIUM is None:
        pytest.skip("no chromium here: apt-get install chromium")
    with api.sync_playwright() as started:
        yield lambda *arguments: started.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *arguments])


@pytest.fixture(scope="module")
def browser(launched: Callable[..., Any]) -> Iterator[Any]:
    with launched() as browser:
        yield browser
