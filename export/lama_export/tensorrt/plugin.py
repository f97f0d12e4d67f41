"""The library that replaces the Fourier units' nodes, found, compiled if need be, and registered with TensorRT."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from lama_deploy.disk import sha256_of
from lama_deploy.errors import ConfigError, EngineError, KernelError, MissingDependencyError
from lama_deploy.installing import install
from lama_deploy.native.build import visible_architectures
from lama_deploy.native.cuda_libraries import preload
from lama_deploy.native.gpus import gpus
from lama_deploy.native.plugin_build import plugin_path, prebuilt_plugin
from lama_deploy.tensorrt.modules import require_plugins
from lama_deploy.tensorrt.plugin.carried import carried_name, this_platform
from lama_deploy.tensorrt.plugin.load import load_plugin
from lama_export.engine_options import EngineOptions
from lama_export.graph.spectral import SPECTRAL_CONV
from lama_export.options import ExportOptions

TENSOR_CORE_SIDE, TENSOR_CORE_CHANNELS = 1086, 8  # LAMA_SPECTRAL_MAX_DENSE, and what channels have to be a multiple of
LATENT = 8  # pixels to a point of the latent, of LaMa's own generators


@dataclass(frozen=True)
class LoadedPlugin:
    """record: what the bundle says of the library, None where none is used; then `reason` says why, if it was tried.

    path: the library, to be carried along.
    """

    record: dict[str, str] | None = None
    reason: str = ""
    path: Path | None = None


def asks_for_plugin(options: ExportOptions) -> bool:
    """Whether an export without it would be another one than was asked for."""
    return options.spectral == "plugin" or (options.engine or EngineOptions()).plugin is not None


def loaded_plugin(trt: Any, options: ExportOptions, channels: Iterable[int] = ()) -> LoadedPlugin:
    """The plugin that was asked for, or by default ours where it can be had, and runs where it has to.

    channels: of the Fourier units, where they are known already.
    Raises KernelError where it cannot be compiled, ConfigError where it is not known for which GPU, EngineError for a
    library that is no plugin, MissingDependencyError for a TensorRT without plugins, and where cuFFT or cuBLASLt is
    missing; by default none of them.
    """
    if asks_for_plugin(options):
        return _load(trt, options, channels)
    if options.spectral is not None:
        return LoadedPlugin()
    try:
        return _load(trt, options, channels)
    except (ConfigError, EngineError, KernelError, MissingDependencyError) as error:
        return LoadedPlugin(reason=str(error))


def _load(trt: Any, options: ExportOptions, channels: Iterable[int]) -> LoadedPlugin:
    require_plugins(trt, options.target)
    _require_cuda_libraries(options, channels)
    path = plugin_file(options.engine or EngineOptions(), options.target)
    return LoadedPlugin(load_plugin(trt, path), path=path)


def _require_cuda_libraries(options: ExportOptions, channels: Iterable[int]) -> None:
    """Raise MissingDependencyError where the plugin would fail as it is timed or proven on this machine.

    TensorRT times plugins as it builds. TensorRT-RTX does not, and needs these libraries only where the engine runs.
    """
    engine = options.engine or EngineOptions()
    if options.target != "trt" and not (engine.prove and gpus()):
        return
    why = _needs_cufft(options.precision, engine, channels)
    missing = preload() if why else []
    if missing:
        raise MissingDependencyError(
            f"the plugin computes {why} by cuFFT and cuBLASLt, and {' and '.join(missing)} cannot be loaded here: "
            f"{install('cufft')}, or export with --spectral inline"
        )


def _needs_cufft(precision: str, engine: EngineOptions, channels: Iterable[int]) -> str:
    """What the tensor-core transforms do not take, as kernels/src/description.cpp has it; "" where they take all."""
    largest = max(side for profile in engine.profiles for side in profile.max)
    odd = [count for count in channels if count % TENSOR_CORE_CHANNELS]
    if precision == "fp32":
        return "fp32"
    if odd:
        return f"{odd[0]} channels, no multiple of {TENSOR_CORE_CHANNELS},"
    return f"pictures of {largest} px" if largest > TENSOR_CORE_SIDE * LATENT else ""


def unit_channels(model: onnx.ModelProto) -> set[int]:
    """Of the Fourier units that are nodes: half of what their weights have, which mix real and imaginary parts."""
    weights = {node.input[1] for node in model.graph.node if node.op_type == SPECTRAL_CONV}
    return {tensor.dims[0] // 2 for tensor in model.graph.initializer if tensor.name in weights}


def carry_plugin(record: dict[str, str], source: Path, directory: Path) -> dict[str, str]:
    """Copy the library to the bundle's folder, so that the machine that serves needs no compiler.

    record: `load_plugin`'s. Returns it with "file", its name in the bundle, and "platform". Raises EngineError where it
    is not the one that was loaded, OSError.
    """
    platform = this_platform()
    target = directory / carried_name(platform)
    shutil.copyfile(source, target)
    if sha256_of(target) != record["sha256"]:
        raise EngineError(f"{source}: changed while the engine was built; export again")
    return {**record, "file": target.name, "platform": platform}


def plugin_file(engine: EngineOptions, target: str = "trt-rtx") -> Path:
    """The library that was given, else what the environment names, else ours, for the GPUs that are to run the engine.

    Errors: `loaded_plugin`.
    """
    if engine.plugin is not None:
        return engine.plugin
    return prebuilt_plugin() or plugin_path(_architectures(engine, target))


def _architectures(engine: EngineOptions, target: str) -> str:
    """Of the GPUs that were named or are here; with what newer ones compile, where the engine is for them too."""
    if engine.compute_capabilities:
        return ";".join(one.replace(".", "") for one in engine.compute_capabilities)
    try:
        here = visible_architectures()
    except KernelError as error:
        raise ConfigError(
            "the plugin is compiled for a GPU, and there is none here: name it by --compute-capability, such as "
            "8.9, or give the library by --plugin PATH"
        ) from error
    if target == "trt" and engine.hardware != "ampere+":
        return here
    # CMake's "80" is code for 8.x and PTX, from which the driver of any newer GPU compiles.
    return ";".join(sorted({*here.split(";"), "80"}, key=int))
