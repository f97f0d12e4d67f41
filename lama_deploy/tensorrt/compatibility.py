"""Which releases of TensorRT, and which GPUs, run an engine: what its record says, before TensorRT is asked.

TensorRT's own words come later and name neither what to do nor, for a slower GPU, that anything is amiss.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lama_deploy.bundle import MODEL
from lama_deploy.errors import EngineError
from lama_deploy.tensorrt.modules import FLAVOURS

log = logging.getLogger(__name__)
AMPERE = (8, 0)  # NvInfer.h, HardwareCompatibilityLevel::kAMPERE_PLUS
INSTEAD = f"export on it, or use {MODEL}, which runs in ONNX Runtime"


def is_version_compatible(record: Mapping[str, Any], target: str) -> bool:
    """Whether the plan brings a lean runtime, the host code that later releases run it with.

    TensorRT-RTX has no such plans: its documentation ("Engine Compatibility") says that releases do not share engines.
    """
    return target == "trt" and record.get("version_compatible") is True


def require_version(path: Path, record: Mapping[str, Any], target: str, found: str) -> None:
    """Raise EngineError unless `found` runs an engine of record["version"].

    That is the same version alone; for a version-compatible engine every later one of the same major, by NVIDIA's
    documentation ("Version Compatibility"), which has older releases refuse the plans of newer ones. It lets TensorRT
    11 run those of 10 too, but with exceptions that its release notes list, so another major needs another export.
    """
    built, name, module = record["version"], FLAVOURS[target].name, FLAVOURS[target].module
    if found == built:
        return
    if not is_version_compatible(record, target):
        raise EngineError(
            f"{path}: built by {name} {built}, which is the only version that runs it, and this is {found}: export "
            f"again, or pip install {module}=={built}"
        )
    old, new = _numbers(built), _numbers(found)
    if new[:1] != old[:1] or new < old:
        raise EngineError(
            f"{path}: built by {name} {built}, and run by it and by later versions of {old[0]}, and this is {found}: "
            f"export again, or pip install {module}=={built}"
        )


def require_gpu(path: Path, record: Mapping[str, Any], target: str, gpu: Mapping[str, str]) -> None:
    """Raise EngineError for a GPU that cannot run the engine; one line of warning for one that it was not timed on.

    gpu: {"name", "compute_capability"} of the one that is to run it.
    """
    needed = needed_capability(record, target)
    own = (record.get("gpu") or {}).get("name", "")
    if not _takes(needed, gpu["compute_capability"]):
        raise EngineError(
            f"{path}: built {f'on {own} ' * bool(own)}for compute capability {needed}, and this is {gpu['name']}, of "
            f"{gpu['compute_capability']}: {INSTEAD}"
        )
    exact = target == "trt" and record.get("hardware_compatibility", "none") == "none"
    if exact and own and own != gpu["name"]:
        log.warning(
            "%s: its kernels were chosen on %s, and this is %s: right, as far as TensorRT lets it run, and perhaps "
            "slower than an engine that is exported here",
            path,
            own,
            gpu["name"],
        )


def needed_capability(record: Mapping[str, Any], target: str) -> str:
    """Compute capabilities that run the engine: "9.0", "8.6 or 8.9", "8.0 or newer"; "" where the record has none.

    By NvInfer.h (HardwareCompatibilityLevel) and, of TensorRT-RTX, by its documentation ("CPU-Only AOT and TensorRT-RTX
    Engines"): an engine for no particular one runs from 8.0 on.
    """
    if target == "trt-rtx":
        return " or ".join(record.get("compute_capabilities") or ()) or f"{_dotted(AMPERE)} or newer"
    if record.get("hardware_compatibility") == "ampere+":
        return f"{_dotted(AMPERE)} or newer"
    return str((record.get("gpu") or {}).get("compute_capability", ""))


def _takes(needed: str, capability: str) -> bool:
    if needed.endswith(" or newer"):
        return _numbers(capability) >= _numbers(needed)
    return not needed or capability in needed.split(" or ")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
