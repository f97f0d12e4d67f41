"""Whether a GPU has the memory for what comes next, asked beforehand: a refusal of one line costs no time."""

from __future__ import annotations

import torch

GIB = 2**30


def free_bytes(device: torch.device) -> int | None:
    """What the device has left for this process, PyTorch's own reserve included; None for a CPU."""
    if device.type != "cuda":
        return None
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + unused


def shortage(needed: float, free: int | None) -> str | None:
    """One line where `needed` bytes, an estimate, are more than are free; None where they fit or nobody knows."""
    if free is None or needed <= free:
        return None
    return f"not run: needs about {needed / GIB:.1f} GiB of GPU memory, {free / GIB:.1f} are free"
