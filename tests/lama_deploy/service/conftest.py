"""Services that run in a thread of this process, on any free port of this machine."""

import io
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi", reason='the service is not installed: pip install "lama-deploy[serve]"')

import httpx

from lama_deploy.arrays import Array
from lama_deploy.runtime.backend import Capabilities
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.service.app import application
from lama_deploy.service.logs import Log
from lama_deploy.service.options import ServiceOptions
from lama_deploy.service.server import bound_socket, serve
from lama_deploy.service.service import Service

SECONDS = 60  # that a test waits for what surely comes


class Running:
    """One service. lines: of its log, as objects."""

    def __init__(self, opened: Mapping[str, tuple[str, Inpainter]], options: ServiceOptions) -> None:
        self._written = io.StringIO()
        self._asked: int | None = None
        self.ended: int | None = None
        bound = bound_socket("127.0.0.1", 0)
        self.port = bound.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        log = Log("json", self._written)
        self.service = Service(opened, options)

        def run() -> None:
            app = application(self.service, log)
            self.ended = serve(app, self.service, log, bound, lambda: self._asked)

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        self.client = httpx.Client(base_url=self.url, timeout=SECONDS, trust_env=False)
        until(lambda: self.client.get("/livez").status_code == 200, catching=httpx.TransportError)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._written.getvalue().splitlines()]

    def line_of(self, answer: httpx.Response) -> dict[str, Any]:
        """Of its request; it is written once the answer is out."""
        found: list[dict[str, Any]] = []

        def there() -> bool:
            found[:] = [line for line in self.lines if line.get("id") == answer.headers["x-request-id"]]
            return bool(found)

        until(there)
        return found[-1]

    def ask_to_end(self, number: int = 15) -> None:
        self._asked = number

    def wait(self) -> None:
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()

    def end(self) -> None:
        self.client.close()
        self.ask_to_end()
        self.wait()


def until(there: Callable[[], bool], catching: type[Exception] = ()) -> None:  # type: ignore[assignment]
    """Waits for it."""
    for _ in range(SECONDS * 100):
        try:
            if there():
                return
        except catching:
            pass
        time.sleep(0.01)
    raise AssertionError("it did not come to be")


class Painted:
    """A backend that fills holes with their picture's mean, when it may. ran: pictures of each call."""

    name = "onnxruntime"
    device = "cpu"

    def __init__(self, workers: int = 1, batch: int = 1) -> None:
        self.capabilities = Capabilities(workers=workers, batch=batch)
        self.may, self.ran, self.wrong = threading.Event(), list[int](), list[Exception]()
        self.may.set()
        self.begun = threading.Semaphore(0)

    def run(self, images: Array, masks: Array) -> Array:
        self.begun.release()
        assert self.may.wait(SECONDS)
        self.ran.append(len(images))
        if self.wrong:
            raise self.wrong.pop()
        mean = images.reshape(len(images), -1).mean(axis=1).astype(np.uint8)
        return np.where(masks[..., None] > 0, mean[:, None, None, None], images)


Start = Callable[..., Running]


@contextmanager
def starting() -> Iterator[Start]:
    """start(backend or {name: inpainter}, **options) -> a service, which ends after the block."""
    with ExitStack() as stack:

        def start(models: Any, **options: Any) -> Running:
            opened = models if isinstance(models, dict) else {"painted": Inpainter(models)}
            running = Running({name: (name, one) for name, one in opened.items()}, ServiceOptions(**options))
            stack.callback(running.end)
            return running

        yield start


@pytest.fixture
def start() -> Iterator[Start]:
    with starting() as start:
        yield start


@pytest.fixture(scope="session")
def demo() -> Inpainter:
    pytest.importorskip("onnxruntime")
    return Inpainter.load("lama-demo", backend="onnxruntime", threads=1)


@pytest.fixture(scope="session")
def running(demo: Inpainter) -> Iterator[Running]:
    """With lama-demo, and as "other" a model that paints greys."""
    with starting() as start:
        yield start({"lama-demo": demo, "other": Inpainter(Painted())})


def png(array: Array, form: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, form, **options)
    return stream.getvalue()


@pytest.fixture(scope="session")
def photo() -> Array:
    """(H, W, 3) of odd sides, with some structure."""
    rows, columns = np.mgrid[:101, :85]
    return np.stack((rows * 2, columns * 3, 255 - rows), axis=-1).astype(np.uint8)


@pytest.fixture(scope="session")
def hole(photo: Array) -> Array:
    """(H, W), 255 in it."""
    mask = np.zeros(photo.shape[:2], np.uint8)
    mask[20:50, 30:60] = 255
    return mask


@pytest.fixture
def files(photo: Array, hole: Array) -> dict[str, Any]:
    """As httpx sends them."""
    return {"image": ("a.png", png(photo)), "mask": ("m.png", png(hole))}
