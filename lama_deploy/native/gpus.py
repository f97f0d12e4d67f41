"""The NVIDIA GPUs of this machine, as CUDA's driver tells them; nvidia-smi where there is no driver to ask.

The driver comes first because it knows what a program may use (`CUDA_VISIBLE_DEVICES`), and because nvidia-smi has no
answer on some machines: on a Jetson it says "[N/A]".
"""

from __future__ import annotations

import csv
import ctypes
import re
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lama_deploy.errors import KernelError, brief

DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
DRIVER_VERSION = Path("/sys/module/nvidia/version")  # of Linux; CUDA's driver tells only which CUDA it is for
CAPABILITY_MAJOR, CAPABILITY_MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_..., of cuda.h
NAME_BYTES = 256
FIELDS = ("name", "compute_cap", "driver_version", "memory.total")  # of nvidia-smi, in the order of Gpu's


@dataclass(frozen=True)
class Gpu:
    """name: such as "NVIDIA H200". capability: such as "9.0". driver: its version. memory: such as "143771 MiB".

    Where nobody knows, a text without a number.
    """

    name: str
    capability: str
    driver: str
    memory: str


def gpus() -> list[Gpu]:
    """Those that a program may use, in CUDA's order; none where there is no driver, or it does not start."""
    try:
        driver = ctypes.CDLL(DRIVER)
    except OSError:
        return _told_by_the_tool()
    return told_by_driver(driver)


def architectures(found: Iterable[Gpu]) -> str:
    """Of these GPUs as CMake takes them: "90", "80;90". Raises KernelError for one of which nobody knows."""
    numbers = set()
    for gpu in found:
        capability = re.fullmatch(r"(\d+)\.(\d)", gpu.capability)
        if capability is None:
            raise KernelError(
                f"the compute capability of {brief(gpu.name)} is not known ({brief(gpu.capability, 40)}); "
                'name the architecture, such as "87" for a Jetson Orin: python -m lama_deploy.cli.build_kernels '
                "--architectures 87"
            )
        numbers.add(int("".join(capability.groups())))
    return ";".join(map(str, sorted(numbers)))


def told_by_driver(driver: Any) -> list[Gpu]:
    """From libcuda's functions, which make no context. Empty where one of them fails."""
    with suppress(OSError):
        _call(driver.cuInit, 0)
        count, version = _number(driver.cuDeviceGetCount), _number(driver.cuDriverGetVersion)
        words = f"for CUDA {version // 1000}.{version % 1000 // 10}"
        with suppress(OSError):
            words = DRIVER_VERSION.read_text().strip() or words
        return [_device(driver, _number(driver.cuDeviceGet, ordinal), words) for ordinal in range(count)]
    return []


def _device(driver: Any, device: int, version: str) -> Gpu:
    name, size = ctypes.create_string_buffer(NAME_BYTES), ctypes.c_size_t()
    _call(driver.cuDeviceGetName, name, NAME_BYTES, device)
    _call(driver.cuDeviceTotalMem_v2, ctypes.byref(size), device)
    major, minor = (
        _number(driver.cuDeviceGetAttribute, attribute, device) for attribute in (CAPABILITY_MAJOR, CAPABILITY_MINOR)
    )
    return Gpu(name.value.decode(errors="replace"), f"{major}.{minor}", version, f"{size.value >> 20} MiB")


def _number(function: Any, *arguments: int) -> int:
    """What a function of the driver writes to its first argument, an int."""
    number = ctypes.c_int()
    _call(function, ctypes.byref(number), *arguments)
    return number.value


def _call(function: Any, *arguments: Any) -> None:
    """Raises OSError."""
    if status := function(*arguments):
        raise OSError(f"CUDA's driver fails with {status}")


def _told_by_the_tool() -> list[Gpu]:
    query = ["nvidia-smi", f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    rows = csv.reader(answer.splitlines(), skipinitialspace=True)
    return [Gpu(*row) for row in rows if len(row) == len(FIELDS)]
