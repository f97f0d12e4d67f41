"""The program of one's own around an engine: compiled, and run on a TensorRT of ours that keeps its rules."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from lama_deploy.images.scenes import scene
from tests.kernel_build import ROOT

SOURCE = ROOT / "examples" / "cpp" / "tensorrt_engine.cpp"
HERE = Path(__file__).parent / "tensorrt"
PAGE = ROOT / "docs" / "tensorrt-program.md"
# What a reader may get wrong, and what is said of it.
MISTAKES = {
    "the profile was set on another stream": (
        "setOptimizationProfileAsync(profile, stream)",
        "setOptimizationProfileAsync(profile, nullptr)",
    ),
    "a shape before the profile": ('  need(context->setOptimizationProfileAsync(profile, stream), "profile");\n', ""),
    "the first run of a shape is captured": ('  need(context->enqueueV3(stream), "run");\n', ""),
    "a graph outlives the context": ('  need(cudaGraphExecDestroy(repeated), "graph");', "  //"),
}


def compiled(folder: Path, source: str) -> Path:
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("no C++ compiler here, so the program around an engine is not tried")
    (folder / "program.cpp").write_text(source)
    options = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-I", HERE / "declared", "-o", folder / "program"]
    command = [compiler, *options, folder / "program.cpp", HERE / "fake.cpp"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "program"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("program"), SOURCE.read_text())


def call(
    program: Path, folder: Path, plan: str, plugin: str, size: tuple[int, int]
) -> subprocess.CompletedProcess[str]:
    (image,), (mask,) = scene(48, 64)
    for name, content in (("plan", plan.encode()), ("image", image.tobytes()), ("mask", mask.tobytes())):
        (folder / name).write_bytes(content)
    names = [str(folder / name) for name in ("plan", "image", "mask", "result")]
    command = [program, names[0], plugin, *names[1:], *map(str, size)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("plan", "plugin"), [("100 200", "-"), ("50 64 our.so", "our.so")])
def test_it_runs(program: Path, tmp_path: Path, plan: str, plugin: str) -> None:
    done = call(program, tmp_path, plan, plugin, (48, 64))
    assert (done.returncode, done.stderr) == (0, "")
    (image,), (mask,) = scene(48, 64)
    result = np.fromfile(tmp_path / "result", np.uint8).reshape(image.shape)
    np.testing.assert_array_equal(result, np.where(mask[..., None] > 0, 255, image))


@pytest.mark.parametrize(
    ("plan", "plugin", "size", "line"),
    [
        ("100 200 our.so", "-", (48, 64), "no engine for this TensorRT and this GPU"),
        ("20 40", "-", (48, 64), "no profile that takes this size"),
        ("100 200", "-", (64, 64), "no picture of that size"),
    ],
)
def test_what_does_not_fit_is_one_line(
    program: Path, tmp_path: Path, plan: str, plugin: str, size: tuple[int, int], line: str
) -> None:
    done = call(program, tmp_path, plan, plugin, size)
    assert done.returncode == 1 and done.stderr.splitlines()[-1] == line


@pytest.mark.parametrize("rule", MISTAKES)
def test_a_mistake_is_seen(rule: str, tmp_path: Path) -> None:
    right, wrong = MISTAKES[rule]
    source = SOURCE.read_text()
    assert source.count(right) == 1
    done = call(compiled(tmp_path, source.replace(right, wrong)), tmp_path, "100 200", "-", (48, 64))
    assert done.returncode == 99 and rule in done.stderr


def test_the_page_shows_the_program() -> None:
    assert SOURCE.read_text() in PAGE.read_text()
