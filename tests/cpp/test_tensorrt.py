"""liblama_trt on a driver and a TensorRT of our own, compiled with each version of NVIDIA's headers that is here."""

import os
import re
import shutil
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
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


def built(headers: Path, name: str, target: str) -> Path:
    """A build tree, kept between runs."""
    folder = ROOT / "build" / "cpp" / f"trt-{name}"
    options = ["-DLAMA_WERROR=ON", f"-DTensorRT_ROOT={headers}"]
    run("cmake", "-S", str(ROOT / "cpp"), "-B", str(folder), "-G", "Ninja", *options)
    run("cmake", "--build", str(folder), "--target", target)
    return folder


@pytest.fixture(scope="module", params=FOLDERS or [Path()], ids=lambda folder: folder.name)
def tree(request: pytest.FixtureRequest) -> Path:
    """A build tree with liblama_trt and its tests."""
    return built(request.param, request.param.name, "trt_tests")


def test_on_fakes(tree: Path) -> None:
    said = run("ctest", "--test-dir", str(tree), "-R", "^trt_", "--output-on-failure", "--no-tests=error")
    assert "100% tests passed" in said


def test_it_links_neither_tensorrt_nor_cuda(tree: Path) -> None:
    needed = run("readelf", "-d", str(tree / "liblama_trt.so"))
    assert "nvinfer" not in needed and "libcuda" not in needed
    symbols = run("nm", "-D", "--defined-only", str(tree / "liblama_trt.so")).split()
    assert symbols[2::3] == ["lama_trt_functions"]


def test_the_program_of_ones_own_compiles(tree: Path) -> None:
    """It is run on declarations of ours by tests/examples/test_tensorrt_engine.py."""
    cache = (tree / "CMakeCache.txt").read_text()
    found = re.findall(r"LAMA_(?:TRT|CUDA)_INCLUDE_DIR:PATH=(.+)", cache)
    includes = [option for folder in found for option in ("-isystem", folder)]
    source = str(ROOT / "examples" / "cpp" / "tensorrt_engine.cpp")
    assert len(found) == 2
    run("c++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", *includes, source)


def test_on_tensorrt_rtx_itself(kernel_build: Path) -> None:
    """As far as its library goes where no driver is: it takes our plugin, and refuses the engine.

    No package has its headers: those of TensorRT 11 are made its.
    """
    package = find_spec("tensorrt_rtx_libs")
    headers = next(of_tensorrt_11(), None)
    if package is None or package.submodule_search_locations is None or headers is None:
        pytest.skip(f"needs tensorrt-rtx, and headers of TensorRT 11 in ${VARIABLE}")
    installed = version("tensorrt-rtx-cu13-libs")
    root = ROOT / "build" / "cpp" / "rtx-headers"
    copied = shutil.copytree(headers, root / "include", dirs_exist_ok=True)
    text = (copied / "NvInferVersion.h").read_text().replace("_ENTERPRISE", "_RTX")
    for part, number in zip(("MAJOR", "MINOR", "PATCH", "BUILD"), installed.split("."), strict=True):
        text = re.sub(rf"(#define TRT_{part}_RTX) \d+", rf"\1 {number}", text)
    (copied / "NvInferVersion.h").write_text(text)
    tree = built(root, "rtx", "test_trt_real")
    libraries = [
        str(package.submodule_search_locations[0]),
        installed,
        str(kernel_build / "liblama_tensorrt_plugin.so"),
    ]
    run(str(tree / "tests" / "trt" / "test_trt_real"), *libraries)


def of_tensorrt_11() -> Iterator[Path]:
    """The folders of headers themselves."""
    for folder in (inner for outer in FOLDERS for inner in (outer, outer / "include")):
        file = folder / "NvInferVersion.h"
        if file.is_file() and re.search(r"#define TRT_MAJOR_ENTERPRISE 11\b", file.read_text()):
            yield folder
