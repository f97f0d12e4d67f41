"""From a LaMa checkpoint to an engine in production. Importing this loads neither torch nor any engine, nor NumPy."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lama_deploy.errors import (
    BundleError,
    CheckpointError,
    ConfigError,
    DataError,
    DeviceMemoryError,
    EngineError,
    ImageError,
    KernelError,
    LamaDeployError,
    MissingBackboneError,
    MissingDependencyError,
    NotFiniteError,
    ParityError,
    TooLargeError,
    TrainingError,
    UnsafeCheckpointError,
    WeightsNotFoundError,
)
from lama_deploy.telemetry import switch_off

if TYPE_CHECKING:
    from lama_deploy.bundle import load_bundle
    from lama_deploy.checkpoints.checkpoint import load_checkpoint
    from lama_deploy.runtime.inpainter import Inpainter
    from lama_deploy.runtime.refine_options import RefineOptions
    from lama_deploy.runtime.strategies.options import StrategyOptions

__version__ = "0.1.0"
__all__ = [
    "BundleError",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "DeviceMemoryError",
    "EngineError",
    "ImageError",
    "Inpainter",
    "KernelError",
    "LamaDeployError",
    "MissingBackboneError",
    "MissingDependencyError",
    "NotFiniteError",
    "ParityError",
    "RefineOptions",
    "StrategyOptions",
    "TooLargeError",
    "TrainingError",
    "UnsafeCheckpointError",
    "WeightsNotFoundError",
    "__version__",
    "load_bundle",
    "load_checkpoint",
]
_LATER = {
    "Inpainter": "runtime.inpainter",
    "RefineOptions": "runtime.refine_options",
    "StrategyOptions": "runtime.strategies.options",
    "load_bundle": "bundle",
    "load_checkpoint": "checkpoints.checkpoint",
}

switch_off()


def __getattr__(name: str) -> Any:
    """What is imported when it is first used, since NumPy and Pillow take a while."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)


def __dir__() -> list[str]:
    """For completion: also what has not been used yet."""
    return sorted({*globals(), *__all__})
