"""The GPUs that engines are built for: TensorRT-RTX's as they are named, TensorRT's the one it runs on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lama_deploy.errors import ConfigError, EngineError
from lama_deploy.tensorrt.cuda_driver import Cuda
from lama_deploy.tensorrt.modules import FLAVOURS


def capabilities(module: Any, target: str, wanted: Sequence[str]) -> list[Any]:
    """The module's constants for "8.9" and so on. Raises ConfigError for one that it does not build for."""
    if not wanted:
        return []
    if not hasattr(module, "ComputeCapability"):
        raise ConfigError(f"--compute-capability is for --to trt-rtx; --to {target} builds for the GPU of this machine")
    allowed = {
        f"{name[2:-1]}.{name[-1]}": value
        for name, value in module.ComputeCapability.__members__.items()
        if name.startswith("SM")
    }
    for wrong in (one for one in wanted if one not in allowed):
        raise ConfigError(
            f"{FLAVOURS[target].name} {module.__version__} does not build for compute capability {wrong}; "
            f"allowed: {', '.join(allowed)}"
        )
    return [allowed[one] for one in dict.fromkeys(wanted)]


def this_gpu(device: int | None = None) -> dict[str, str] | None:
    """{"name", "compute_capability"} of the GPU that is current, or of that number; None without it or cuda-python."""
    try:
        from cuda.bindings import driver

        cuda = Cuda(driver, device)
        with cuda.current():
            return cuda.device()
    except (ModuleNotFoundError, EngineError):
        return None
