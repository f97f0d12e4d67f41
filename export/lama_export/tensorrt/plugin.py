"""The library that replaces the Fourier units' nodes, found, compiled if need be, and registered with TensorRT."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lama_deploy.errors import ConfigError, EngineError, KernelError, MissingDependencyError
from lama_deploy.native.build import visible_architectures
from lama_deploy.native.plugin_build import plugin_path, prebuilt_plugin
from lama_deploy.tensorrt.modules import require_plugins
from lama_deploy.tensorrt.plugin.load import load_plugin
from lama_export.engine_options import EngineOptions
from lama_export.options import ExportOptions


@dataclass(frozen=True)
class LoadedPlugin:
    """record: what the bundle says of the library, None where none is used; then `reason` says why, if it was tried."""

    record: dict[str, str] | None = None
    reason: str = ""


def asks_for_plugin(options: ExportOptions) -> bool:
    """Whether an export without it would be another one than was asked for."""
    return options.spectral == "plugin" or (options.engine or EngineOptions()).plugin is not None


def loaded_plugin(trt: Any, options: ExportOptions) -> LoadedPlugin:
    """The plugin that was asked for, or by default ours where it can be had.

    Raises KernelError where it cannot be compiled, ConfigError where it is not known for which GPU, EngineError for a
    library that is no plugin, MissingDependencyError for a TensorRT without plugins; by default none of them.
    """
    if asks_for_plugin(options):
        return LoadedPlugin(_load(trt, options))
    if options.spectral is not None:
        return LoadedPlugin()
    try:
        return LoadedPlugin(_load(trt, options))
    except (ConfigError, EngineError, KernelError, MissingDependencyError) as error:
        return LoadedPlugin(reason=str(error))


def _load(trt: Any, options: ExportOptions) -> dict[str, str]:
    require_plugins(trt, options.target)
    return load_plugin(trt, plugin_file(options.engine or EngineOptions()))


def plugin_file(engine: EngineOptions) -> Path:
    """The library that was given, else what the environment names, else ours, for the GPUs that were named or are here.

    Errors: `loaded_plugin`.
    """
    if engine.plugin is not None:
        return engine.plugin
    return prebuilt_plugin() or plugin_path(_architectures(engine))


def _architectures(engine: EngineOptions) -> str:
    if engine.compute_capabilities:
        return ";".join(one.replace(".", "") for one in engine.compute_capabilities)
    try:
        return visible_architectures()
    except KernelError as error:
        raise ConfigError(
            "the plugin is compiled for a GPU, and there is none here: name it by --compute-capability, such as "
            "8.9, or give the library by --plugin PATH"
        ) from error
