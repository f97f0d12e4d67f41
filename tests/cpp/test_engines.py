"""What opens engines in C++: its own programs, on libraries in the place of engines, and OpenVINO beside Python's."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from lama_deploy.images.scenes import scene
from lama_deploy.runtime.backends.openvino import OpenVinoBackend
from tests.cpp.building import engine_folder, program_of
from tests.kernel_build import ROOT

PROGRAMS = ("test_bundle", "test_libraries", "test_engine_failures", "test_engine_threads")


def run(program: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name: str, tree: Path) -> None:
    folder = tree / "tests" / "engines"
    done = run(folder / name, folder / "fakes")
    assert (done.stdout, done.stderr, done.returncode) == ("ok\n", "", 0)


@pytest.mark.slow
def test_openvino_fixed_to_a_shape(tree: Path, demo_bundles: Mapping[str, Path], tmp_path: Path) -> None:
    """Python replaces nodes of the graph so that it decodes the whole picture, and C++ layers of its text."""
    images, masks = scene(72, 88)
    backend = OpenVinoBackend(demo_bundles["openvino"] / "model.xml", cache="", threads=1)
    expected = backend.fixed((1, 72, 88)).run(images, masks)
    images.tofile(tmp_path / "images")
    masks.tofile(tmp_path / "masks")
    files = [tmp_path / name for name in ("images", "masks", "results")]
    options = ("--fixed", "--threads", 1, "--engine", engine_folder("openvino"))
    done = run(program_of(tree, "engine_bytes"), demo_bundles["openvino"], 1, 72, 88, *files, *options)
    assert done.returncode == 0, done.stdout
    assert (np.fromfile(files[-1], np.uint8) == expected.ravel()).all()


def test_openvino_has_what_is_declared_of_it(tree: Path) -> None:
    spec = find_spec("openvino")
    assert spec is not None and spec.origin is not None
    headers, abi = Path(spec.origin).parent / "include", ROOT / "cpp" / "abi"
    done = run(Path("c++"), "-std=c++17", "-fsyntax-only", "-isystem", headers, "-I", abi, abi / "check_openvino.cpp")
    assert done.returncode == 0, done.stderr
