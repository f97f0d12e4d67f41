"""The backend compiled in the tree that tests/cpp builds, tiny bundles, and clients of each file's `server`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from lama_deploy.runtime.inpainter import Inpainter
from tests.cpp.building import build_cpp
from tests.hostile.bundle_files import write_bundles
from tests.triton_backends.asking import MODULES, Client
from tests.triton_backends.server import Server


@pytest.fixture(scope="session")
def tiny_bundles(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """By target, "onnx" and "openvino"; not to be written to."""
    return write_bundles(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="session")
def inpaint(tiny_bundles: Mapping[str, Path]) -> Inpainter:
    return Inpainter.load(tiny_bundles["onnx"], threads=1)


@pytest.fixture(params=MODULES)
def client(server: Server, request: pytest.FixtureRequest) -> Iterator[Client]:
    with closing(Client(server, request.param)) as one:
        yield one


@pytest.fixture(scope="session")
def library() -> Path:
    """libtriton_lama.so; warnings are errors."""
    if not shutil.which("c++"):
        pytest.skip("no C++ compiler here, so the backend for Triton is not compiled")
    return build_cpp("release", "-DLAMA_EXAMPLES=ON", "-DLAMA_TRITON=ON") / "libtriton_lama.so"
