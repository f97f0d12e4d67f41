"""What the device can do at most, measured: bytes moved by a large copy, operations by large matrix products."""

from __future__ import annotations

from statistics import median

import torch

from benchmarks.gpu.memory import free_bytes
from benchmarks.gpu.timing import WARM_UP, Run, seconds_of

REPETITIONS = 10
COPY_BYTES = 2**32  # far beyond any cache
SIDE = 8192  # of the matrices
DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}


def ceilings(device: torch.device, *, smoke: bool = False) -> dict[str, float]:
    """bytes_per_s: read plus written, and <dtype>_flops_per_s of each of DTYPES; float32 without TF32."""
    free = free_bytes(device)
    most = COPY_BYTES if free is None else min(COPY_BYTES, free // 4)
    found = {"bytes_per_s": _copy(device, 2**20 if smoke else most)}
    side = 64 if smoke else SIDE
    return found | {f"{name}_flops_per_s": _product(device, dtype, side) for name, dtype in DTYPES.items()}


def _copy(device: torch.device, size: int) -> float:
    source = torch.randint(0, 256, (size,), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * size / _median_seconds(lambda: target.copy_(source), device)


def _product(device: torch.device, dtype: torch.dtype, side: int) -> float:
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    c = torch.empty_like(a)
    return 2 * side**3 / _median_seconds(lambda: torch.mm(a, b, out=c), device)


def _median_seconds(run: Run, device: torch.device) -> float:
    for _ in range(WARM_UP):
        run()
    return median(seconds_of(run, device) for _ in range(REPETITIONS))
