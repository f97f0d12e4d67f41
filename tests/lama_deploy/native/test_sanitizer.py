"""compute-sanitizer sees no access out of bounds and no race in any kernel, at sizes that fill no tile."""

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from torch import Tensor

from lama_deploy.native.frames import on_library_
from lama_deploy.native.library import SpectralLibrary
from lama_deploy.native.plans import PlanCache, run_on_library
from tests.lama_deploy.native import sanitized_units
from tests.lama_deploy.native.sanitized_units import SMALL, check_frames, check_units

ROOT = Path(__file__).parents[3]
KERNELS = "program_kernel"  # every kernel of ours has it in its name (kernels/src/launch.h)


@pytest.mark.gpu
@pytest.mark.slow
@pytest.mark.parametrize("tool", ["memcheck", "racecheck"])
def test_the_sanitizer_has_nothing_to_say(tool: str) -> None:
    sanitizer = shutil.which("compute-sanitizer") or shutil.which("/usr/local/cuda/bin/compute-sanitizer")
    if not sanitizer:
        pytest.skip("compute-sanitizer is not installed")
    # Without the caching allocator every tensor ends where its allocation ends.
    environment = {**os.environ, "PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}
    command = [*sanitizer_command(sanitizer, tool), sys.executable, "-m", sanitized_units.__name__]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0 and "ran" in result.stdout, result.stdout[-4000:] + result.stderr[-2000:]


def sanitizer_command(sanitizer: str, tool: str) -> list[str]:
    """Our kernels only, and no errors of the API, which PyTorch makes on purpose: it asks by trying."""
    options = subprocess.run([sanitizer, "--help"], capture_output=True, text=True, check=False).stdout
    name = "--kernel-name" if "--kernel-name" in options else "--kernel-regex"  # as it was called before
    filters = ["--report-api-errors", "no", name, f"kns={KERNELS}"]
    return [sanitizer, "--tool", tool, "--error-exitcode", "9", *filters]


def test_what_the_sanitizer_watches_runs(emulated_library: Path) -> None:
    """On the CPU, the small sizes: on a GPU nothing trivial is to fail."""
    library = SpectralLibrary(emulated_library)

    def unit(x: Tensor, weight: Tensor, bias: Tensor, residual: Tensor, backend: str) -> Tensor:
        return run_on_library(library, PlanCache(), x, weight, bias, residual, backend)

    check_units(unit, "cpu", SMALL)
    check_frames(partial(on_library_, library, relu=True, accumulate=False), "cpu")


@pytest.mark.parametrize(("offered", "taken"), [("--kernel-name", "--kernel-name"), ("", "--kernel-regex")])
def test_the_sanitizer_is_asked_for_our_kernels(offered: str, taken: str, tmp_path: Path) -> None:
    program = tmp_path / "compute-sanitizer"
    program.write_text(f"#!/bin/sh\necho ' {offered} arg'\n")
    program.chmod(0o755)
    command = sanitizer_command(str(program), "racecheck")
    assert command[1:5] == ["--tool", "racecheck", "--error-exitcode", "9"]
    assert command[5:] == ["--report-api-errors", "no", taken, "kns=program_kernel"]
