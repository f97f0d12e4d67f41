"""How much memory a GPU has for this process: by torch where that is loaded already, else by cuda-python."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from lama_deploy.process_memory import ProcessMemory


class DeviceMemory:
    """Of one device, besides the model that is open there when this is made."""

    def __init__(self, device: str) -> None:
        """device: "cuda" or "cuda:N"."""
        self._device = device
        self._at_first = free_bytes(device)

    def __call__(self) -> ProcessMemory | None:
        """As it is now; None where nothing here can tell.

        `held` is what the engine has taken since and keeps for later runs: torch tells it; of others it is all by which
        the free memory has shrunk, whoever took it.
        """
        free = free_bytes(self._device)
        if free is None or self._at_first is None:
            return None
        kept = _kept_by_torch(self._device)
        return ProcessMemory(max(0, self._at_first - free) if kept is None else kept, free)


def free_bytes(device: str) -> int | None:
    """By the driver; None where there is no way to ask it."""
    torch = _torch()
    if torch is not None:
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        runtime: Any = import_module("cuda.bindings.runtime")
        for status in (runtime.cudaSetDevice(_ordinal(device))[0], (found := runtime.cudaMemGetInfo())[0]):
            if int(status):
                return None
        return int(found[1])
    except (ImportError, RuntimeError):  # RuntimeError: how cuda-python says that there is no driver
        return None


def _kept_by_torch(device: str) -> int | None:
    """What its allocator holds without using it; None where torch computes nothing there."""
    torch = _torch()
    if torch is None or not torch.cuda.memory_reserved(device):
        return None
    return int(torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))


def _torch() -> Any:
    """Only if something else has loaded it: that takes seconds."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and torch.cuda.is_available() else None


def _ordinal(device: str) -> int:
    return int(device.partition(":")[2] or 0)
