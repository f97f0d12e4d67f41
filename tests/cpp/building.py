"""Compiles cpp/ for the tests, each kind of build in a folder that is kept between runs."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tests.kernel_build import ROOT, run


def build_cpp(kind: str, *options: str) -> Path:
    """The build tree; raises with the compiler's output."""
    folder = ROOT / "build" / "cpp" / kind
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        run("cmake", "-S", str(ROOT / "cpp"), "-B", str(folder), "-G", "Ninja", "-DLAMA_WERROR=ON", *options)
        run("cmake", "--build", str(folder))
    return folder


def program_of(tree: Path, target: str) -> Path:
    """A program of cpp/tests that few tests want, so that it is built for them alone."""
    with _locked(tree):
        run("cmake", "--build", str(tree), "--target", target)
    return tree / "tests" / target


@contextmanager
def _locked(tree: Path) -> Iterator[None]:
    """One process of the suite after the other, as they share it."""
    with (tree / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def engine_folder(target: str) -> Path:
    """Where the engine of a bundle's target lies in this Python's packages: pip's wheels have their libraries."""
    package, folder = {"onnx": ("onnxruntime", "capi"), "openvino": ("openvino", "libs")}[target]
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None, f"{package} is not installed"
    return Path(spec.origin).parent / folder
