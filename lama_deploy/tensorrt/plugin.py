"""The library whose `SpectralConv` takes the place of the node's function, loaded so that it cannot take us down."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from lama_deploy.errors import EngineError
from lama_deploy.tensorrt.rtx_name import make_rtx_name_known

PLUGIN_NAME, PLUGIN_VERSION = "SpectralConv", "1"  # in the empty namespace
_loaded: list[str] = []  # SHA-256 of the library in this process, which cannot hold a second one


def load_plugin(module: Any, path: Path) -> dict[str, str]:
    """Register the library's plugin, unless it is already; return {"name", "sha256"}.

    Raises EngineError for a file that is no plugin library, that lacks our plugin, or that is a second one.
    """
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    if _loaded and _loaded != [sha256]:
        raise EngineError(f"{path}: this process has loaded another plugin already; export in a new one")
    if not _loaded:
        if module.__name__ == "tensorrt_rtx":
            make_rtx_name_known()
        _register(module, path)
        _loaded.append(sha256)
    return {"name": path.name, "sha256": sha256}


def _register(module: Any, path: Path) -> None:
    registry = module.get_plugin_registry()
    if registry.get_creator(PLUGIN_NAME, PLUGIN_VERSION, "") is not None:
        # To register a name twice fails, and crashes the next user of the registry.
        raise EngineError(f"{path}: a {PLUGIN_NAME} is registered in this process already; export in a new one")
    if registry.load_library(str(path.resolve())) is None:
        raise EngineError(f"{path}: not a TensorRT plugin library (it must load, and export getCreators)")
    if registry.get_creator(PLUGIN_NAME, PLUGIN_VERSION, "") is None:
        raise EngineError(f"{path}: no plugin {PLUGIN_NAME}, version {PLUGIN_VERSION}, in the empty namespace in it")
