"""Finds SpectralConv's plugin for TensorRT, or compiles it together with liblama_spectral, and keeps it in the cache.

Programs that only open a plugin (trtexec, polygraphy) take the library of `registering_path` instead, which lies beside
it and registers it. One process takes the one or the other, never both.
"""

from __future__ import annotations

from pathlib import Path

from lama_deploy.errors import KernelError
from lama_deploy.native.build import (
    LIBRARY,
    PLUGIN,
    REGISTERING_NAME,
    named_path,
    product_path,
    visible_architectures,
)


def plugin_path(architectures: str) -> Path:
    """The plugin for GPUs of these architectures ("90", "80;90"): $LAMA_TENSORRT_PLUGIN, else cached, else compiled.

    It serves TensorRT 10.13, 11 and TensorRT-RTX 1.7 alike, and neither is needed to compile it. Errors as
    `build.library_path`.
    """
    return product_path(PLUGIN, architectures)


def prebuilt_plugin() -> Path | None:
    """What $LAMA_TENSORRT_PLUGIN names, else what $LAMA_SPECTRAL_LIBRARY does, for the plugin in Python.

    Raises KernelError where that is no file.
    """
    return named_path(PLUGIN) or named_path(LIBRARY)


def plugin_of_this_machine() -> Path:
    """`prebuilt_plugin`, else `plugin_path` for the GPUs that are here. KernelError also where there is none."""
    return prebuilt_plugin() or plugin_path(visible_architectures())


def registering_path(architectures: str) -> Path:
    """The library that registers the plugin with the process's TensorRT as it is opened."""
    path = plugin_path(architectures).with_name(REGISTERING_NAME)
    if not path.is_file():
        raise KernelError(f"{path} is missing; it belongs beside the plugin that ${PLUGIN.variable} names")
    return path
