"""One browser and one real `lama-serve` of lama-demo for all tests of the page; skipped aloud where one is missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from lama_deploy import Inpainter
from lama_deploy.images.scenes import scene

MODEL = "lama-demo"
BACKEND: Literal["onnxruntime"] = "onnxruntime"
CHROMIUM = shutil.which("chromium")
# The browser's own look-ups are no part of what is tested.
QUIET = (
    *("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--no-first-run", "--disable-quic"),
)
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
USUAL: dict[str, Any] = {"viewport": {"width": 900, "height": 700}}
SIZE = (160, 120)  # width, height of the usual photo

Serve = Callable[..., str]
Drive = Callable[..., Any]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install playwright")
    if CHROMIUM is None:
        pytest.skip("no chromium here: apt-get install chromium")
    with api.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def serve() -> Iterator[Serve]:
    """Starts a `lama-serve` of lama-demo with further options -> its address. It runs until all tests are done."""
    pytest.importorskip("fastapi", reason="the service is not installed: pip install '.[serve]'")
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed: pip install onnxruntime")
    with ExitStack() as running:
        yield lambda *options: running.enter_context(_serving(*options))


@contextmanager
def _serving(*options: str) -> Iterator[str]:
    command = [sys.executable, "-m", "lama_deploy", "serve", MODEL, "--backend", BACKEND, "--port", "0", *options]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment) as ran:
        assert ran.stdout is not None
        found = ADDRESS.search(ran.stdout.readline())
        try:
            assert found, "lama-serve has not said where it serves"
            yield found.group()
        finally:
            ran.terminate()
            ran.communicate()


@pytest.fixture(scope="session")
def address(serve: Serve) -> str:
    return serve()


@pytest.fixture(scope="session")
def usual_context(browser: Any) -> Any:
    """Shared, for what the browser keeps of the page's files."""
    return browser.new_context(**USUAL)


@pytest.fixture
def drive(browser: Any, address: str, usual_context: Any) -> Iterator[Drive]:
    """Opens a page -> its Driver. At another server than the usual one, with options of Playwright's contexts."""
    from tests.web.page.driving import Driver

    with ExitStack() as opened:
        drivers = []

        def drive(where: str = address, **options: Any) -> Driver:
            context = opened.enter_context(browser.new_context(**USUAL | options)) if options else usual_context
            page = opened.enter_context(context.new_page())
            drivers.append(Driver(page, where))
            return drivers[-1]

        yield drive
    for driver in drivers:
        assert driver.errors == []


@pytest.fixture
def desk(drive: Drive, photo: Path) -> Any:
    """A page with the usual photo."""
    driver = drive()
    driver.open(photo, SIZE)
    return driver


@pytest.fixture(scope="session")
def inpainter() -> Inpainter:
    return Inpainter.load(MODEL, backend=BACKEND)


@pytest.fixture(scope="session")
def pixels() -> np.ndarray:
    """(120, 160, 3) uint8."""
    return scene(SIZE[1], SIZE[0], 1, seed=7)[0][0]


@pytest.fixture(scope="session")
def photo(pixels: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    Image.fromarray(pixels).save(path)
    return path
