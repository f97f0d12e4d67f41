"""What a benchmark ran on: processor, GPU where there is one, versions."""

from __future__ import annotations

import os
import platform
import subprocess
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch


def machine(packages: tuple[str, ...]) -> dict[str, Any]:
    """Processor, system and the versions of installed packages."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    extensions = [
        flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_tile") if flag in fields.get("flags", "").split()
    ]
    return {
        "cpu": fields.get("model name") or platform.processor(),
        "cpu_family_model": f"{fields.get('cpu family', '?')}/{fields.get('model', '?')}",
        "cores": os.cpu_count(),
        "extensions": extensions,
        "system": platform.platform(),
        "versions": {name: version(name) for name in packages},
    }


def gpu_machine(device: torch.device) -> dict[str, Any]:
    """`machine` of a GPU benchmark, with the GPU under "gpu" where `device` is one."""
    found = machine(("torch", "numpy"))
    if device.type != "cuda":
        return found
    with suppress(ModuleNotFoundError):
        found["versions"]["triton"] = version("triton")
    found["versions"]["CUDA of torch"] = str(torch.version.cuda)
    properties = torch.cuda.get_device_properties(device)
    found["gpu"] = {
        "name": properties.name,
        "compute_capability": 10 * properties.major + properties.minor,
        "multiprocessors": properties.multi_processor_count,
        "l2_bytes": properties.L2_cache_size,
        "memory_gib": round(properties.total_memory / 2**30, 1),
        "driver": _driver(),
    }
    return found


def _driver() -> str:
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout.split("\n")[0].strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
