"""The python backend in a real Triton, with a Python whose NumPy it takes, and with one whose it does not.

LAMA_TRITON_PYTHON names the former, with onnxruntime: without it this Python is tried.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from lama_deploy.images.scenes import scene
from lama_deploy.runtime.inpainter import Inpainter
from lama_export.triton.repository import write_repository
from tests.kernel_build import ROOT
from tests.triton_backends.asking import MODULES, Client
from tests.triton_backends.server import Server, server_folder

pytestmark = pytest.mark.slow
VARIABLE = "LAMA_TRITON_PYTHON"
FACTS = (
    "import sys, sysconfig, numpy; "
    "print(*sys.version_info[:2], sep='.'); print(sysconfig.get_config_var('LIBDIR')); print(numpy.__version__)"
)


def facts(python: str) -> tuple[str, str, str]:
    """Its version, the folder of its library, and NumPy's version."""
    said = subprocess.run([python, "-c", FACTS], capture_output=True, text=True, check=True).stdout
    version, library, numpy_version = said.splitlines()
    return version, library, numpy_version


def started(python: str, repository: Path, folder: Path) -> Server:
    """With this Python: the backend finds it by PATH, and its library must be its own."""
    version, library, _ = facts(python)
    backends = folder / "backends"
    (backends / "python").mkdir(parents=True)
    server = server_folder()
    stub = server / "python_backend_stubs" / version / "triton_python_backend_stub"
    files = [*(server / "backends" / "python").iterdir(), stub]
    for file in (file for file in files if file.is_file()):
        if not (backends / "python" / file.name).exists():
            (backends / "python" / file.name).symlink_to(file)
    environment = {
        "PATH": f"{Path(python).parent}:{os.environ['PATH']}",
        "LD_LIBRARY_PATH": library,
        "PYTHONPATH": str(ROOT),
    }
    return Server(repository, folder / "log", backends=backends, environment=environment)


@pytest.fixture(scope="module")
def repository(tiny_bundles: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("repository")
    write_repository(tiny_bundles["onnx"], out, backend="python", instances=2)
    return out


@pytest.fixture(scope="module")
def server(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server_folder()
    python = os.environ.get(VARIABLE, sys.executable)
    if facts(python)[2] >= "2":
        pytest.skip(
            f"the NumPy of {python} is not one that this Triton takes; name a Python with numpy<2 by {VARIABLE}"
        )
    running = started(python, repository, tmp_path_factory.mktemp("server"))
    yield running
    assert running.is_alive() and running.end() == 0


@pytest.mark.parametrize("size", [(24, 32), (101, 85), (300, 500)])
def test_equal_to_inpainter(client: Client, inpaint: Inpainter, size: tuple[int, int]) -> None:
    image, mask = scene(*size)
    np.testing.assert_array_equal(client.ask("lama", image, mask), inpaint.run(image, mask))


def test_a_bad_request(client: Client, inpaint: Inpainter) -> None:
    image, mask = scene(24, 32)
    line = client.refused("lama", image, mask[:, :20])
    assert "mask is [1, 20, 32] beside an image of [1, 24, 32, 3]; give [1, 24, 32]" in line
    assert "image is [0, 24, 32, 3]; allowed" in client.refused("lama", image[:0], mask[:0])
    np.testing.assert_array_equal(client.ask("lama", image, mask), inpaint.run(image, mask))


def test_many_clients(server: Server, inpaint: Inpainter) -> None:
    image, mask = scene(80, 90)
    expected = inpaint.run(image, mask)

    def ask(index: int) -> None:
        with closing(Client(server, list(MODULES)[index % 2])) as client:
            np.testing.assert_array_equal(client.ask("lama", image, mask), expected)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(ask, range(32)))


def test_numpy_that_this_triton_does_not_take(repository: Path, tmp_path: Path) -> None:
    """Results would be empty, and nobody would say so."""
    server_folder()
    if facts(sys.executable)[2] < "2":
        pytest.skip("this Python has NumPy 1")
    server = started(sys.executable, repository, tmp_path)
    try:
        with closing(Client(server, "http")) as client:
            (listed,) = client.raw.get_model_repository_index()
    finally:
        server.kill()
    assert listed["state"] == "UNAVAILABLE"
    assert "this server's python backend gives empty results with NumPy 2" in listed["reason"]
    assert "install numpy<2" in listed["reason"]
