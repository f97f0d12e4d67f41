"""Which library is to replace the Fourier units' nodes."""

from __future__ import annotations

import os
from pathlib import Path

from lama_deploy.errors import ConfigError, KernelError
from lama_deploy.kernels.build import PLUGIN, visible_architectures
from lama_deploy.kernels.plugin import plugin_path
from lama_export.options import ExportOptions
from lama_export.tensorrt_options import EngineOptions


def chosen_plugin(options: ExportOptions) -> Path | None:
    """The library that was given, or with `spectral="plugin"` ours, compiled if need be; None where none was asked for.

    Raises KernelError where it cannot be compiled, ConfigError where it is not known for which GPU.
    """
    engine = options.engine or EngineOptions()
    if engine.plugin is not None or options.spectral != "plugin":
        return engine.plugin
    return plugin_path("" if os.environ.get(PLUGIN.variable) else _architectures(engine))


def _architectures(engine: EngineOptions) -> str:
    if engine.compute_capabilities:
        return ";".join(one.replace(".", "") for one in engine.compute_capabilities)
    try:
        return visible_architectures()
    except KernelError as error:
        raise ConfigError(
            "--spectral plugin compiles for a GPU, and there is none here: name it by --compute-capability, such as "
            "8.9, or give the library by --plugin PATH"
        ) from error
