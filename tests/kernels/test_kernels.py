"""The kernel library compiles, for the oldest architecture and the newest, and computes what its reference computes.

Its CUDA kernels run on the CPU here, thread by thread, under the address and undefined-behaviour sanitizers
(`kernels/emulation`); on a GPU they are tested in tests/lama_deploy/kernels.
"""

import subprocess
from pathlib import Path

import pytest

from tests.kernel_build import build_kernels, configure_kernels, has_nvcc, run


@pytest.mark.slow
def test_kernels_on_the_cpu(kernel_build: Path) -> None:
    report = run("ctest", "--test-dir", str(kernel_build), "--output-on-failure", "--parallel", "2")
    assert report.count("Passed") >= 5 and "100% tests passed" in report


def test_library_without_cuda(tmp_path: Path) -> None:
    folder = build_kernels(tmp_path, "-DLAMA_CUDA=OFF")
    assert "100% tests passed" in run("ctest", "--test-dir", str(folder))


@pytest.mark.parametrize("cuda", ["OFF", "ON"])
def test_warnings_are_errors_for_us_only(cuda: str, tmp_path: Path) -> None:
    """A compiler that warns of more than ours must not break a user's first call."""
    if cuda == "ON" and not has_nvcc():
        pytest.skip("no CUDA compiler here")
    for options, strict in (((), False), (("-DLAMA_WERROR=ON",), True)):
        configure_kernels(tmp_path, f"-DLAMA_CUDA={cuda}", "-DCMAKE_CUDA_ARCHITECTURES=90", *options)
        assert ("-Werror" in (tmp_path / "build.ninja").read_text()) == strict


def test_library_needs_neither_driver_nor_cufft(kernel_build: Path) -> None:
    """What it links; cuFFT and cuBLASLt are opened when a plan asks for them."""
    needed = subprocess.run(["ldd", kernel_build / "liblama_spectral.so"], capture_output=True, text=True, check=True)
    assert "libstdc++" in needed.stdout
    assert not any(name in needed.stdout for name in ("libcuda", "libcufft", "libcublas"))
