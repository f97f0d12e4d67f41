"""Records of GPU benchmarks: written after every case, so that a run that is cut short leaves what it measured."""

from __future__ import annotations

import argparse
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lama_deploy.disk import write_whole
from lama_deploy.reports.machine import machine, nvidia_gpus

if TYPE_CHECKING:  # who only writes what others measured has no seconds to wait for torch
    import torch


def arguments(description: str | None, seconds: float, rounds: int | None = None) -> argparse.ArgumentParser:
    """The options that GPU benchmarks share, with their usual budget. rounds: of those that measure time."""
    import torch

    p = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "results", help="folder of the record")
    p.add_argument("--seconds", type=float, default=seconds, help="budget of all; what is left then is not measured")
    if rounds is not None:
        p.add_argument("--rounds", type=int, default=rounds)
    p.add_argument("--device", default="cuda", type=torch.device)
    p.add_argument("--smoke", action="store_true", help="tiny sizes, one round: does it run?")
    return p


def new_record(what: str, method: str, device: torch.device) -> dict[str, Any]:
    """device: one without its index is the current one."""
    return {
        "what": what,
        "date": datetime.now(UTC).date().isoformat(),
        "method": method,
        "machine": gpu_machine(device),
    }


def gpu_machine(device: torch.device) -> dict[str, Any]:
    """`machine` of a GPU benchmark, with the GPU under "gpu" where `device` is one."""
    import torch

    if device.type != "cuda":
        return machine(("torch", "numpy"))
    found = machine(("torch", "numpy", "triton"))
    found["versions"]["CUDA of torch"] = str(torch.version.cuda)
    properties = torch.cuda.get_device_properties(device)
    found["gpu"] = {
        "name": properties.name,
        "compute_capability": 10 * properties.major + properties.minor,
        "multiprocessors": properties.multi_processor_count,
        "l2_bytes": properties.L2_cache_size,
        "memory_gib": round(properties.total_memory / 2**30, 1),
        "driver": next((gpu["driver"] for gpu in nvidia_gpus()), "unknown"),
    }
    return found


def record_file(folder: Path, name: str, record: dict[str, Any]) -> Path:
    """folder/DATE-HARDWARE-NAME.json; the folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    hardware = record["machine"].get("gpu", {"name": "cpu"})["name"]
    return folder / f"{record['date']}-{re.sub(r'[^a-z0-9]+', '-', hardware.lower())}-{name}.json"


def write(file: Path, record: dict[str, Any]) -> None:
    write_whole(file, json.dumps(record, indent=1) + "\n")
