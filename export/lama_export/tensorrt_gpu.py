"""The GPU that TensorRT builds for: the one it runs on."""

from __future__ import annotations

from lama_deploy.errors import EngineError
from lama_deploy.tensorrt.cuda_driver import Cuda


def this_gpu() -> dict[str, str] | None:
    """{"name", "compute_capability"} of the one that is current, None without a GPU or cuda-python."""
    try:
        from cuda.bindings import driver

        cuda = Cuda(driver)
        with cuda.current():
            return cuda.device()
    except (ModuleNotFoundError, EngineError):
        return None
