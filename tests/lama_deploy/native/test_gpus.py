"""GPUs as CUDA's driver tells them, as nvidia-smi does where there is none, and what nobody can make sense of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lama_deploy.errors import KernelError
from lama_deploy.native import gpus as module
from lama_deploy.native.build import visible_architectures
from lama_deploy.native.gpus import Gpu, architectures, gpus, told_by_driver

NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE of cuda.h


class Driver:
    """libcuda's functions of cuda.h that are called, each as it answers through its first argument.

    devices: name and compute capability of each. Nothing is answered before cuInit.
    """

    def __init__(self, *devices: tuple[bytes, int, int], fails: str = "") -> None:
        self.devices, self.fails, self.begun = devices, fails, False

    def __getattr__(self, name: str) -> Any:
        answer = getattr(type(self), f"_{name}")

        def function(*arguments: Any) -> int:
            self.begun = self.begun or name == "cuInit"
            if not self.begun or name == self.fails:
                return NO_DEVICE
            answer(self, *arguments)
            return 0

        return function

    def _cuInit(self, flags: int) -> None:  # noqa: N802 (CUDA's names, as those below)
        assert flags == 0

    def _cuDeviceGetCount(self, count: Any) -> None:  # noqa: N802
        count._obj.value = len(self.devices)

    def _cuDriverGetVersion(self, version: Any) -> None:  # noqa: N802
        version._obj.value = 13010

    def _cuDeviceGet(self, device: Any, ordinal: int) -> None:  # noqa: N802
        device._obj.value = 40 + ordinal

    def _cuDeviceGetName(self, name: Any, length: int, device: int) -> None:  # noqa: N802
        assert length == len(name)
        name.value = self.devices[device - 40][0]

    def _cuDeviceTotalMem_v2(self, size: Any, device: int) -> None:  # noqa: N802
        size._obj.value = 5 << 32

    def _cuDeviceGetAttribute(self, number: Any, attribute: int, device: int) -> None:  # noqa: N802
        number._obj.value = self.devices[device - 40][{75: 1, 76: 2}[attribute]]


TWO = (b"NVIDIA GB10", 12, 1), (b"NVIDIA H200", 9, 0)


def test_the_driver_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "version").write_text("580.95\n")
    monkeypatch.setattr(module, "DRIVER_VERSION", tmp_path / "version")
    found = told_by_driver(Driver(*TWO))
    assert found == [
        Gpu("NVIDIA GB10", "12.1", "580.95", "20480 MiB"),
        Gpu("NVIDIA H200", "9.0", "580.95", "20480 MiB"),
    ]
    assert architectures(found) == "90;121"
    monkeypatch.setattr(module, "DRIVER_VERSION", tmp_path / "none")
    assert told_by_driver(Driver(*TWO))[0].driver == "for CUDA 13.1"


@pytest.mark.parametrize("fails", ["cuInit", "cuDeviceGetCount", "cuDeviceTotalMem_v2"])
def test_a_driver_that_fails_has_no_gpus(fails: str) -> None:
    assert told_by_driver(Driver(*TWO, fails=fails)) == []


@pytest.fixture
def no_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where nvidia-smi may be put."""
    monkeypatch.setattr(module, "DRIVER", "libcuda-of-nobody.so.1")
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "nvidia-smi"


def says(tool: Path, *lines: str, code: int = 0) -> None:
    tool.write_text("#!/bin/sh\n" + "".join(f"echo '{line}'\n" for line in lines) + f"exit {code}\n")
    tool.chmod(0o755)


def test_without_a_driver_the_tool_is_asked(no_driver: Path) -> None:
    assert gpus() == []
    says(no_driver, "NVIDIA H100, 9.0, 580.1, 81559 MiB", "NVIDIA L4, 8.9, 580.1, 23034 MiB")
    assert gpus()[1] == Gpu("NVIDIA L4", "8.9", "580.1", "23034 MiB")
    assert visible_architectures() == "89;90"
    says(no_driver, "no driver", code=9)
    assert gpus() == []


def test_the_driver_is_asked_first(no_driver: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows what this program may use, and on a Jetson nvidia-smi has no answer."""
    says(no_driver, "Orin (nvgpu), [N/A], 540.4.0, [N/A]")
    monkeypatch.setattr(module.ctypes, "CDLL", {module.DRIVER: Driver((b"Orin", 8, 7))}.__getitem__)
    assert [(gpu.name, gpu.capability) for gpu in gpus()] == [("Orin", "8.7")] and visible_architectures() == "87"


def test_no_gpu_is_one_line(no_driver: Path) -> None:
    with pytest.raises(KernelError, match=r'^there is no NVIDIA GPU here; name the architectures: --arch\S+ "80;90"$'):
        visible_architectures()


@pytest.mark.parametrize("answer", ["[N/A]", "", "9", "nine.0", "9.0; rm -rf"])
def test_a_capability_that_nobody_knows_is_one_line(answer: str, no_driver: Path) -> None:
    """nvidia-smi of a Jetson answers [N/A]; what is no number never reaches CMake."""
    says(no_driver, f"Orin (nvgpu), {answer}, 540.4.0, [N/A]")
    with pytest.raises(KernelError, match=r"^the compute capability of Orin \(nvgpu\) is not known .* 87$"):
        visible_architectures()
