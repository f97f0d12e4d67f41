"""Whether a GPU has the memory for what comes next, asked beforehand: a refusal of one line costs no time."""

from __future__ import annotations

import torch

from lama_deploy.runtime.backends import gpu_memory
from lama_deploy.runtime.backends.gpu_memory import GIB


def free_bytes(device: torch.device) -> int | None:
    """None for a CPU."""
    return gpu_memory.free_bytes(device) if device.type == "cuda" else None


def shortage(needed: float, free: int | None) -> str | None:
    """One line where `needed` bytes, an estimate, are more than are free; None where they fit or nobody knows."""
    if free is None or needed <= free:
        return None
    return f"not run: needs about {needed / GIB:.1f} GiB of GPU memory, {free / GIB:.1f} are free"
