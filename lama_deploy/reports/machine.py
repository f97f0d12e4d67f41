"""What something was measured on: processor, GPUs where there are any, versions."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import lama_deploy
from lama_deploy.native.gpus import gpus

LEAST_SECONDS = 0.2  # the kernel counts hundredths


def machine(packages: Iterable[str]) -> dict[str, Any]:
    """Processor, system and the versions of those packages that are installed."""
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
        "versions": versions(packages),
    }


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Of those that are installed."""
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def nvidia_gpus() -> list[dict[str, str]]:
    """Name, driver and memory of each GPU, as the driver says; empty where there is none."""
    return [{"name": gpu.name, "driver": gpu.driver, "memory": gpu.memory} for gpu in gpus()]


class OtherPrograms:
    """How much of the processors everything but this process takes, from now on: other programs, the kernel, and what a
    hypervisor gives to other machines.
    """

    def __init__(self) -> None:
        self._began, self._before = time.perf_counter(), _seconds_of_others()

    def share(self) -> float | None:
        """From 0 to 1; None where Linux does not count it, or after less than LEAST_SECONDS."""
        elapsed = time.perf_counter() - self._began
        if self._before is None or elapsed < LEAST_SECONDS:
            return None
        taken = (_seconds_of_others() or 0) - self._before
        return min(max(taken / elapsed / (os.cpu_count() or 1), 0.0), 1.0)


def _seconds_of_others() -> float | None:
    """Processor seconds since the system began."""
    try:
        counts = [int(text) for text in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    except OSError:
        return None
    idle = sum(counts[3:5])  # user, nice, system, idle, waiting for disks, irq, softirq, stolen
    return (sum(counts) - idle) / os.sysconf("SC_CLK_TCK") - time.process_time()


def package_version() -> str:
    """Of lama_deploy; from a checkout with its commit, and "-dirty" where files differ from it."""
    root = Path(lama_deploy.__file__).parents[1]
    describe = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude=*"]
    commit = _printed(describe).strip() if (root / ".git").exists() else ""
    return lama_deploy.__version__ + (f" ({commit})" if commit else "")


def _printed(command: list[str]) -> str:
    """Empty where the program is missing or fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
