"""What a lease says of a machine that cannot do all of it: one line each."""

import sys
import warnings
from pathlib import Path

import pytest
import torch

from benchmarks.gpu.lease import library, machine
from benchmarks.gpu.lease.runner import FREE_GIB
from lama_deploy.errors import KernelError
from lama_deploy.native.build import LIBRARY_VARIABLE

CUDA = torch.device("cuda")
GPU = {"name": "a GPU", "driver": "470.1", "memory": "8 GiB"}


@pytest.fixture
def torch_for_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(machine, "nvidia_gpus", list)


def test_torch_without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    assert "was built without CUDA" in str(machine.unusable(CUDA))


@pytest.mark.usefixtures("torch_for_cuda")
def test_no_gpu() -> None:
    assert str(machine.unusable(CUDA)).startswith("the driver shows no GPU here; run this on ")


@pytest.mark.usefixtures("torch_for_cuda")
def test_a_driver_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    def warn() -> bool:
        warnings.warn("CUDA initialization: The NVIDIA driver is too old (found 11040).\nUpdate it", stacklevel=1)
        return False

    monkeypatch.setattr(machine, "nvidia_gpus", lambda: [GPU])
    monkeypatch.setattr(torch.cuda, "is_available", warn)
    assert machine.unusable(CUDA) == (
        "PyTorch for CUDA 13.0 cannot use the driver 470.1: "
        "CUDA initialization: The NVIDIA driver is too old (found 11040)."
    )


@pytest.mark.usefixtures("torch_for_cuda")
def test_a_gpu_that_computes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no kernel image is available\nfor this device")

    monkeypatch.setattr(torch, "ones", fail)
    found = machine.unusable(CUDA)
    assert found == "PyTorch for CUDA 13.0 computes nothing here: no kernel image is available"


def test_what_is_said_of_a_gpu(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The runner reads the free memory off it."""
    made = {"cores": 4, "versions": {"torch": "2"}, "gpu": {"name": "a GPU", "driver": "580.1"}}
    monkeypatch.setattr(machine, "gpu_machine", lambda device: made)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (3 * 2**30, 8 * 2**30))
    said = machine.described(CUDA)
    assert said == "a GPU, driver 580.1, 3.0 GiB free; 4 cores; torch 2"
    found = FREE_GIB.search(said)
    assert found and found[1] == "3.0"
    assert capsys.readouterr().out == "note: 5.0 of the GPU's 8.0 GiB are in use by others\n"


def run_library(monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    monkeypatch.setattr(sys, "argv", ["library", *options])
    return library.main()


def test_a_prebuilt_library_is_taken(
    emulated_library: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(LIBRARY_VARIABLE, str(emulated_library))
    assert run_library(monkeypatch) == 0
    assert capsys.readouterr().out.splitlines() == [str(emulated_library)]


def test_one_of_another_version_is_noted_and_one_is_built(
    emulated_library: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(LIBRARY_VARIABLE, str(emulated_library))
    monkeypatch.setattr("lama_deploy.native.library.ABI_VERSION", -1)

    def no_compiler(*_: object) -> Path:
        raise KernelError("liblama_spectral needs nvcc to be compiled")

    monkeypatch.setattr(library, "built", no_compiler)
    monkeypatch.setattr(library, "visible_architectures", lambda: "90")
    assert run_library(monkeypatch) == 1
    note, reason = capsys.readouterr().out.splitlines()
    assert note.startswith(f"note: {emulated_library} is not used: ") and "this lama_deploy needs -1" in note
    assert reason == "liblama_spectral needs nvcc to be compiled"
