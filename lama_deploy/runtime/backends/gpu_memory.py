"""A picture too large for the GPU is one line: before it is tried where arithmetic shows it, else when it fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from lama_deploy.errors import DeviceMemoryError
from lama_deploy.native.library import KernelMemoryError
from lama_deploy.variants import GeneratorConfig

SMALL = 8  # of the device's memory, an eighth: to ask what is free would cost more than such a picture may
GIB = 2**30


def least_bytes(config: GeneratorConfig, batch: int, height: int, width: int, itemsize: int) -> int:
    """What the fused generator holds at once at the least: a map of its first channels at full size, and its frame."""
    return 2 * config.width * batch * height * width * itemsize


@contextmanager
def refusing(device: torch.device, needed: int, what: str) -> Iterator[None]:
    """Raises DeviceMemoryError for `what` ("1 picture of 512x512"), which needs so many bytes at least."""
    if device.type != "cuda":
        yield
        return
    total = torch.cuda.get_device_properties(device).total_memory
    if needed > total // SMALL and not torch.cuda.is_current_stream_capturing():
        free = free_bytes(device)
        if needed > free:
            raise DeviceMemoryError(_words(device, what, f"needs {needed / GIB:.1f} GiB at least", free))
    try:
        yield
    except (torch.OutOfMemoryError, KernelMemoryError) as error:
        raise DeviceMemoryError(_words(device, what, "needed more than there was", free_bytes(device))) from error


def free_bytes(device: torch.device) -> int:
    """By the driver, and what PyTorch holds without using it."""
    held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0] + held)


def _words(device: torch.device, what: str, need: str, free: int) -> str:
    return f"{what} {need}; {device} has {free / GIB:.1f} GiB free; give it fewer or smaller pictures at once"
