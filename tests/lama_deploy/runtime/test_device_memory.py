"""A GPU's memory, as torch or the driver tells it; emulated, since no test here has one."""

import json
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lama_deploy.errors import DeviceMemoryError
from lama_deploy.process_memory import ProcessMemory
from lama_deploy.runtime import device_memory, measuring_child
from lama_deploy.runtime.backend import Capabilities, Memory
from lama_deploy.runtime.device_memory import DeviceMemory, free_bytes
from lama_deploy.runtime.memory import MemoryGuard

GIB = 2**30


class EmulatedTorch:
    """torch.cuda of one device. reserved: what its allocator holds, of which `allocated` is in use."""

    def __init__(self, free: int) -> None:
        self.free, self.reserved, self.allocated = free, 0, 0
        self.cuda = SimpleNamespace(
            is_available=lambda: True,
            mem_get_info=lambda device: (self.free, 80 * GIB),
            memory_reserved=lambda device: self.reserved,
            memory_allocated=lambda device: self.allocated,
        )


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> EmulatedTorch:
    found = EmulatedTorch(8 * GIB)
    monkeypatch.setitem(sys.modules, "torch", found)
    return found


def test_what_torch_keeps_counts_as_room(torch: EmulatedTorch) -> None:
    current = DeviceMemory("cuda:0")
    assert current() == ProcessMemory(0, 8 * GIB)
    torch.free, torch.reserved, torch.allocated = 3 * GIB, 5 * GIB, GIB
    assert current() == ProcessMemory(4 * GIB, 3 * GIB)


def test_what_another_engine_took_since_it_was_opened_counts_as_room(torch: EmulatedTorch) -> None:
    current = DeviceMemory("cuda:0")
    torch.free = 2 * GIB
    assert current() == ProcessMemory(6 * GIB, 2 * GIB)


@pytest.mark.parametrize("status", [0, 2])
def test_without_torch_the_driver_is_asked(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = SimpleNamespace(cudaSetDevice=lambda n: (0,), cudaMemGetInfo=lambda: (status, 5, 9))
    monkeypatch.setattr(device_memory, "_torch", lambda: None)
    monkeypatch.setattr(device_memory, "import_module", lambda name: runtime)
    assert free_bytes("cuda:1") == (None if status else 5)


def test_where_nothing_tells_everything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(device_memory, "_torch", lambda: None)
    monkeypatch.setattr(device_memory, "import_module", missing)
    assert DeviceMemory("cuda")() is None
    MemoryGuard(Capabilities(memory=Memory(0, 2**20), memory_of="cuda")).require((1, 10**5, 10**5))


def test_a_guard_of_a_gpu_looks_at_the_gpu(torch: EmulatedTorch) -> None:
    guard = MemoryGuard(Capabilities(memory=Memory(0, 1000), memory_of="cuda:0"))
    guard.require((1, 2000, 4000))
    with pytest.raises(DeviceMemoryError, match=r"take about 8\.4 GiB of memory with this model, and there are 8 GiB"):
        guard.require((1, 3000, 3000))
    assert guard.most_pixels() == 8 * GIB / 1000


def test_a_child_measures_what_a_gpu_has_less_after_a_run(
    torch: EmulatedTorch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        torch.free = min(torch.free, 8 * GIB - masks.size * 1000)
        return images

    backend: Any = SimpleNamespace(run=run)
    measuring_child._tell(backend, (2, 10, 20), measuring_child._on_device("cuda:0"))
    assert json.loads(capsys.readouterr().out) == {"shape": [2, 10, 20], "bytes": 400_000}
