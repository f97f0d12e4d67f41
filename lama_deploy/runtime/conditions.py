"""What the memory of a model may depend on besides the model itself."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lama_deploy.runtime.backend import Recipe

CPUINFO = Path("/proc/cpuinfo")
ENGINES: Mapping[str, tuple[str, ...]] = {
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "openvino": ("openvino",),
    "mnn": ("MNN",),
    "ncnn": ("ncnn",),
    "torchscript": ("torch",),
    "torch": ("torch",),
    "cuda": ("torch",),
}


def conditions(recipe: Recipe) -> dict[str, Any]:
    """The engine's version, processor, cores and the options that were chosen, as JSON; equal where they are equal."""
    engines = {}
    for name in ENGINES.get(str(recipe.options.get("backend")), ()):
        with suppress(PackageNotFoundError):
            engines[name] = version(name)
    options = {name: str(value) for name, value in sorted(recipe.options.items()) if value is not None}
    return {"engine": engines, "cpu": _processor(), "cores": os.cpu_count() or 0, "options": options}


def _processor() -> str:
    with suppress(OSError):
        for line in CPUINFO.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor()
