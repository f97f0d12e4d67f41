"""liblama under sanitizers: its own tests, a soak of many threads, and inputs that nobody would write.

ONNX Runtime is the real one, OpenVINO our fake of it: OpenVINO opens a part of its own in a way that the address
sanitizer refuses (RTLD_DEEPBIND). The thread sanitizer sees fakes alone, since it would take what engines do by
themselves for races.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.cpp.building import build_cpp, engine_folder, program_of
from tests.kernel_build import run

pytestmark = pytest.mark.slow
STRICT = {"UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1", "TSAN_OPTIONS": "halt_on_error=1"}
CALLS = 400  # of a soak


@pytest.fixture(scope="module")
def checked(request: pytest.FixtureRequest) -> Path:
    """A build with the sanitizers that the test names."""
    if not shutil.which("c++"):
        pytest.skip("no C++ compiler here, so liblama is not tested")
    sanitizers: str = request.param
    options = ("-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-O1")
    return build_cpp(sanitizers.replace(",", "-"), f"-DLAMA_SANITIZE={sanitizers}", *options)


address = pytest.mark.parametrize("checked", ["address,undefined"], indirect=True, scope="module")
thread = pytest.mark.parametrize("checked", ["thread"], indirect=True, scope="module")


def clean(engine: Path, *command: str | Path, **environment: str) -> str:
    """What it says. Anything that a sanitizer finds ends the program."""
    variables = {**os.environ, **STRICT, "LAMA_ENGINE": str(engine), **environment}
    done = subprocess.run([*map(str, command)], env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
    return done.stdout


def fake(tree: Path, name: str) -> Path:
    return tree / "tests" / "engines" / "fakes" / name


@address
def test_its_own_tests_without_a_leak_or_undefined_behaviour(checked: Path) -> None:
    report = run("env", *(f"{name}={value}" for name, value in STRICT.items()), "ctest", "--test-dir", str(checked),
                 "--output-on-failure", "--timeout", "600")  # fmt: skip
    assert "100% tests passed" in report and report.count("Passed") >= 5


@address
def test_a_soak_with_the_real_engine(checked: Path, tiny_bundles: Mapping[str, Path]) -> None:
    clean(engine_folder("onnx"), checked / "tests" / "soak", tiny_bundles["onnx"], "8", str(CALLS), "150")


@address
@pytest.mark.parametrize(("target", "count"), [("bundle", 20_000), ("views", 20_000)])
def test_inputs_that_nobody_would_write(
    checked: Path, target: str, count: int, tiny_bundles: Mapping[str, Path], tmp_path: Path
) -> None:
    random = np.random.default_rng(3)
    if target == "bundle":
        for name, bundle in tiny_bundles.items():
            shutil.copy(bundle / "bundle.json", tmp_path / name)
    for index in range(20 if target == "views" else 0):
        numbers = random.integers(0, 256, 120) * (random.random(120) < 0.6)
        (tmp_path / str(index)).write_bytes(numbers.astype(np.uint8).tobytes())
    program, bundle = program_of(checked, f"fuzz_{target}"), str(tiny_bundles["onnx"])
    told = clean(fake(checked, "onnxruntime"), program, tmp_path, str(count), LAMA_FUZZ_BUNDLE=bundle)
    assert told == "no finding\n"


@thread
@pytest.mark.parametrize(("target", "engine"), [("onnx", "onnxruntime"), ("openvino", "openvino")])
def test_threads_without_a_race(checked: Path, target: str, engine: str, tiny_bundles: Mapping[str, Path]) -> None:
    clean(fake(checked, engine), checked / "tests" / "soak", tiny_bundles[target], "8", str(CALLS), "300")


@thread
def test_its_own_tests_without_a_race(checked: Path) -> None:
    report = run("env", *(f"{name}={value}" for name, value in STRICT.items()), "ctest", "--test-dir", str(checked),
                 "--output-on-failure", "--timeout", "600", "-E", "strategies")  # fmt: skip
    assert "100% tests passed" in report


@pytest.mark.parametrize(("target", "most"), [("onnx", 200), ("openvino", 120)])
def test_five_thousand_calls_leave_memory_flat(
    tree: Path, target: str, most: int, tiny_bundles: Mapping[str, Path]
) -> None:
    told = clean(engine_folder(target), tree / "tests" / "soak", tiny_bundles[target], "8", "5000", str(most))
    held = [int(line.split()[1]) for line in told.splitlines()]
    assert len(held) >= 8 and held[-1] - held[len(held) // 2] < 8 * 1024, held
