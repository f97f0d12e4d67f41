"""The backend compiled in the tree that tests/cpp builds, and tiny bundles."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cpp.building import build_cpp
from tests.hostile.bundle_files import write_bundles


@pytest.fixture(scope="session")
def tiny_bundles(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """By target, "onnx" and "openvino"; not to be written to."""
    return write_bundles(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="session")
def library() -> Path:
    """libtriton_lama.so; warnings are errors."""
    if not shutil.which("c++"):
        pytest.skip("no C++ compiler here, so the backend for Triton is not compiled")
    return build_cpp("release", "-DLAMA_EXAMPLES=ON", "-DLAMA_TRITON=ON") / "libtriton_lama.so"
