"""The library whose `SpectralConv` takes the place of the node's function, loaded so that it cannot take us down."""

from __future__ import annotations

import ctypes
import logging
from pathlib import Path
from threading import Lock
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

log = logging.getLogger(__name__)
# What the registry of each of TensorRT's modules has, by the module's name. It cannot hold a second one.
_loaded: dict[str, dict[str, str]] = {}
_LOADING = Lock()  # two at once would register it twice


def load_plugin(module: Any, path: Path, *, or_loaded: bool = False) -> dict[str, str]:
    """Register the library's plugin with this module, unless it is already; return {"name", "sha256", "kind"}.

    path: a TensorRT plugin library (kind "compiled"), or liblama_spectral, which gets the plugin in Python on top
    ("python"). or_loaded: where the module has another one already, that one serves, since an engine runs with any
    SpectralConv of its version. Raises EngineError for a file that is neither, that lacks our plugin, or that is a
    second one; KernelError for a liblama_spectral of another version.
    """
    if not path.is_file():
        raise EngineError(f"{path}: no such file; give the library with {PLUGIN_NAME}, or leave it out for our own")
    with _LOADING:
        return _load(module, path, or_loaded)


def _load(module: Any, path: Path, or_loaded: bool) -> dict[str, str]:
    sha256, name = sha256_of(path), module.__name__
    if name not in _loaded:
        log.info("%s is loaded, and its code executed: the plugin of an engine (SHA-256 %s...)", path, sha256[:12])
        if name == "tensorrt_rtx":
            make_rtx_name_known()
        kind = "python" if _is_spectral_library(path) else "compiled"  # which loads it, to see what it exports
        _register(module, path, kind)
        _loaded[name] = {"name": path.name, "sha256": sha256, "kind": kind}
    elif _loaded[name]["sha256"] != sha256:
        if not or_loaded:
            raise EngineError(
                f"{path}: this process has loaded another plugin already; give that one, or use a new process"
            )
        log.info("%s is not loaded: %s is there already, and serves", path, _loaded[name]["name"])
    return dict(_loaded[name])


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
