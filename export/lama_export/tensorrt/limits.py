"""What a builder cannot do, said in one line before anything is computed."""

from __future__ import annotations

from typing import Any

from lama_deploy.errors import ConfigError
from lama_deploy.tensorrt.modules import FLAVOURS
from lama_export.engine_options import EngineOptions
from lama_export.options import ExportOptions
from lama_export.tensorrt.capabilities import this_gpu
from lama_export.tensorrt.device import on_device

# NvInfer.h, HardwareCompatibilityLevel: the GPUs that can build such an engine.
OLDEST_BUILDERS = {"ampere+": (8, "Ampere (8.0)"), "same-cc": (7.5, "Turing (7.5)")}


def require_possible(trt: Any, options: ExportOptions) -> None:
    """Raise ConfigError for an option that this module of TensorRT, or this GPU, has nothing for."""
    engine = options.engine or EngineOptions()
    if options.precision == "int8" and engine.refittable:
        raise ConfigError(
            f"{_refitting(engine)} is not for --int8, whose scales are measured for its weights: "
            "export the new weights again"
        )
    if options.target == "trt-rtx":
        _require_possible_of_rtx(trt, engine)
    elif engine.hardware is not None:
        _require_hardware(engine)


def _refitting(engine: EngineOptions) -> str:
    return "--strip-weights" if engine.strip_weights else "--refit"


def _require_possible_of_rtx(trt: Any, engine: EngineOptions) -> None:
    """As TensorRT-RTX 1.7.1 answered when it was asked: it looks for a lean runtime that it does not have; levels of
    hardware are "unsupported in TensorRT-RTX" and stay at none; a refittable engine is compiled by the driver;
    operations of timing caches "are no-ops".
    """
    name = f"{FLAVOURS['trt-rtx'].name} {trt.__version__}"
    if engine.version_compatible:
        raise ConfigError(f"{name} builds no version-compatible engines: leave out --version-compatible, or --to trt")
    if engine.hardware is not None:
        raise ConfigError(
            f"{name} has no --hardware-compatibility: name each GPU that is to run it by --compute-capability"
        )
    if engine.timing_cache is not None:
        raise ConfigError(f"{name} times nothing when it builds: leave out --timing-cache")
    if engine.refittable and this_gpu() is None:
        raise ConfigError(f"{name} builds refittable engines only with a GPU and its driver, and there is none here")


def _require_hardware(engine: EngineOptions) -> None:
    assert engine.hardware is not None
    oldest, words = OLDEST_BUILDERS[engine.hardware]
    with on_device(engine.device):
        gpu = this_gpu()
    if gpu is not None and float(gpu["compute_capability"]) < oldest:
        raise ConfigError(
            f"--hardware-compatibility {engine.hardware} is built by GPUs from {words} on, and this is {gpu['name']} "
            f"({gpu['compute_capability']})"
        )
