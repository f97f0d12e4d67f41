"""liblama_trt on a driver and a TensorRT of our own, compiled with each version of NVIDIA's headers that is here."""

import os
import shutil
from pathlib import Path

import pytest

from tests.kernel_build import ROOT, run

# Folders that have NvInferRuntime.h, themselves or in their include; several as in PATH.
VARIABLE = "LAMA_TENSORRT_HEADERS"
FOLDERS = [Path(folder) for folder in os.environ.get(VARIABLE, "").split(os.pathsep) if folder]

pytestmark = [
    pytest.mark.skipif(not FOLDERS, reason=f"${VARIABLE} names no folder of TensorRT's headers"),
    pytest.mark.skipif(not shutil.which("c++"), reason="no C++ compiler here, so liblama_trt is not tested"),
]


@pytest.fixture(scope="module", params=FOLDERS or [Path()], ids=lambda folder: folder.name)
def tree(request: pytest.FixtureRequest) -> Path:
    """A build tree with liblama_trt and its tests."""
    headers: Path = request.param
    folder = ROOT / "build" / "cpp" / f"trt-{headers.name}"
    run(
        "cmake",
        "-S",
        str(ROOT / "cpp"),
        "-B",
        str(folder),
        "-G",
        "Ninja",
        "-DLAMA_WERROR=ON",
        f"-DTensorRT_ROOT={headers}",
    )
    run("cmake", "--build", str(folder), "--target", "trt_tests")
    return folder


def test_on_fakes(tree: Path) -> None:
    said = run("ctest", "--test-dir", str(tree), "-R", "^trt_", "--output-on-failure", "--no-tests=error")
    assert "100% tests passed" in said


def test_it_links_neither_tensorrt_nor_cuda(tree: Path) -> None:
    needed = run("readelf", "-d", str(tree / "liblama_trt.so"))
    assert "nvinfer" not in needed and "libcuda" not in needed
    symbols = run("nm", "-D", "--defined-only", str(tree / "liblama_trt.so")).split()
    assert symbols[2::3] == ["lama_trt_functions"]
