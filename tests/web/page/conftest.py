"""One real `lama-serve` of lama-demo for all tests of the page; skipped aloud where it is not installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import sleep
from typing import Any, Literal
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image

from lama_deploy import Inpainter
from lama_deploy.images.scenes import scene

MODEL = "lama-demo"
BACKEND: Literal["onnxruntime"] = "onnxruntime"
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
USUAL: dict[str, Any] = {"viewport": {"width": 900, "height": 700}}
SIZE = (160, 120)  # width, height of the usual photo

Serve = Callable[..., str]
Drive = Callable[..., Any]


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
    own = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=own) as ran:
        assert ran.stdout is not None
        found = ADDRESS.search(ran.stdout.readline())
        try:
            assert found, "lama-serve has not said where it serves"
            _wait_for(found.group())
            yield found.group()
        finally:
            ran.terminate()
            ran.communicate()


def _wait_for(address: str) -> None:
    """It says where it serves before it does."""
    for _ in range(600):
        with suppress(URLError), urlopen(f"{address}/livez"):
            return
        sleep(0.1)
    raise AssertionError(f"nothing answers at {address}")


@pytest.fixture(scope="session")
def address(serve: Serve) -> str:
    return serve()


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def usual_page(usual_context: Any, address: str) -> Any:
    from tests.web.page.driving import Driver

    return Driver(usual_context.new_page(), address)


@pytest.fixture
def desk(usual_page: Any, photo: Path) -> Iterator[Any]:
    """A page with the usual photo, as it was just opened; the same page each time, which takes a second to load."""
    usual_page.reset()
    usual_page.open(photo, SIZE)
    yield usual_page
    assert usual_page.errors == []


@pytest.fixture(scope="session")
def inpainter() -> Inpainter:
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed: pip install onnxruntime")
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
