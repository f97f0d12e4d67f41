"""liblama built once a run of the suite and kept between runs, and bundles to open with it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from lama_deploy.checkpoints.weights import DEMO, load_weights
from lama_export import ExportOptions, export_bundle
from tests.cpp.building import build_cpp
from tests.cpp.liblama import Liblama
from tests.hostile.bundle_files import write_bundles


@pytest.fixture(scope="session")
def tree() -> Path:
    """CMake's build tree, with tests and examples."""
    if not shutil.which("c++"):
        pytest.skip("no C++ compiler here, so liblama is not tested")
    return build_cpp("release", "-DLAMA_EXAMPLES=ON")


@pytest.fixture(scope="session")
def lama(tree: Path) -> Liblama:
    return Liblama(tree / "liblama.so")


@pytest.fixture(scope="session")
def tiny_bundles(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """By target, "onnx" and "openvino": of a tiny generator; not to be written to."""
    return write_bundles(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="session")
def demo_bundles(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """By target: of the trained generator that ships, as lama-export writes them by default."""
    folder, checkpoint = tmp_path_factory.mktemp("demo"), load_weights(DEMO)
    for target in ("onnx", "openvino"):
        export_bundle(checkpoint, folder / target, ExportOptions(target=target))
    return {target: folder / target for target in ("onnx", "openvino")}
