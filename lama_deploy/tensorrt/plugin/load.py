"""The library whose `SpectralConv` takes the place of the node's function, loaded so that it cannot take us down."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

from lama_deploy.disk import sha256_of
from lama_deploy.errors import EngineError
from lama_deploy.native.cuda_libraries import preload
from lama_deploy.native.library import SpectralLibrary
from lama_deploy.tensorrt.plugin.python_plugin import (
    PLUGIN_NAME,
    PLUGIN_NAMESPACE,
    PLUGIN_VERSION,
    register_python_plugin,
)
from lama_deploy.tensorrt.plugin.rtx_name import make_rtx_name_known

_loaded: list[dict[str, str]] = []  # what this process has, which cannot hold a second one


def load_plugin(module: Any, path: Path) -> dict[str, str]:
    """Register the library's plugin, unless it is already; return {"name", "sha256", "kind"}.

    path: a TensorRT plugin library (kind "compiled"), or liblama_spectral, which gets the plugin in Python on top
    ("python"). Raises EngineError for a file that is neither, that lacks our plugin, or that is a second one;
    KernelError for a liblama_spectral of another version.
    """
    if not path.is_file():
        raise EngineError(f"{path}: no such file; give the library with {PLUGIN_NAME}, or leave it out for our own")
    sha256 = sha256_of(path)
    if not _loaded:
        if module.__name__ == "tensorrt_rtx":
            make_rtx_name_known()
        kind = "python" if _is_spectral_library(path) else "compiled"
        _register(module, path, kind)
        _loaded.append({"name": path.name, "sha256": sha256, "kind": kind})
    if _loaded[0]["sha256"] != sha256:
        raise EngineError(f"{path}: this process has loaded another plugin already; export in a new one")
    return dict(_loaded[0])


def _register(module: Any, path: Path, kind: str) -> None:
    registry = module.get_plugin_registry()
    if registry.get_creator(PLUGIN_NAME, PLUGIN_VERSION, PLUGIN_NAMESPACE) is not None:
        # To register a name twice fails, and crashes the next user of the registry.
        raise EngineError(f"{path}: a {PLUGIN_NAME} is registered in this process already; export in a new one")
    if kind == "python":
        register_python_plugin(module, SpectralLibrary(path.resolve()))
    else:
        _load_library(registry, path)
    if registry.get_creator(PLUGIN_NAME, PLUGIN_VERSION, PLUGIN_NAMESPACE) is None:
        raise EngineError(f"{path}: no plugin {PLUGIN_NAME}, version {PLUGIN_VERSION}, in the empty namespace in it")


def _load_library(registry: Any, path: Path) -> None:
    preload()  # the plugin will ask for cuFFT and cuBLASLt by their names only
    if registry.load_library(str(path.resolve())) is None:
        raise EngineError(
            f"{path}: not a TensorRT plugin library (it must load, and export getCreators), nor liblama_spectral"
        )


def _is_spectral_library(path: Path) -> bool:
    """Rather than a plugin library, which may hold the same kernels."""
    try:
        library = ctypes.CDLL(str(path.resolve()))
    except OSError:  # for TensorRT to refuse
        return False
    return hasattr(library, "lama_spectral_abi_version") and not hasattr(library, "getCreators")
