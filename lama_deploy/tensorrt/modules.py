"""The two Python modules of TensorRT, and where they differ.

`tensorrt` builds for the GPU it runs on and times kernels there. `tensorrt_rtx` builds without a GPU, for the compute
capabilities that it is given, and chooses kernels when the engine is first run. Everything else that is used here is
called the same in both, in 10.13 to 11.x and in 1.5 to 1.7.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from lama_deploy.errors import EngineError, MissingDependencyError, brief
from lama_deploy.installing import install

Version = tuple[int, int]


@dataclass(frozen=True)
class Flavour:
    """extra: of this package, that installs it. oldest: that builds strongly typed networks. plugins_since: that takes
    plugins through its ONNX parser.

    dft_since: that has ONNX's DFT operator, None for none yet.
    """

    module: str
    name: str
    extra: str
    oldest: Version
    plugins_since: Version
    dft_since: Version | None


FLAVOURS: Mapping[str, Flavour] = {
    "trt": Flavour("tensorrt", "TensorRT", "tensorrt", (10, 13), (10, 13), (11, 2)),
    "trt-rtx": Flavour("tensorrt_rtx", "TensorRT-RTX", "tensorrt-rtx", (1, 5), (1, 7), None),
}


def open_tensorrt(target: str) -> Any:
    """The module of "trt" or "trt-rtx". Raises MissingDependencyError where it is missing, half-installed or old."""
    flavour = FLAVOURS[target]
    advice = install(flavour.extra)
    if find_spec(flavour.module) is None:
        raise MissingDependencyError(f"{target!r} needs {flavour.name}, which is not installed: {advice}")
    try:
        module: Any = import_module(flavour.module)
        version, _ = module.__version__, module.Builder
    except (ImportError, OSError, AttributeError) as error:
        reason = brief(error)
        raise MissingDependencyError(
            f"{flavour.name} is installed, but not all of it ({reason}): remove it, then {advice}"
        ) from error
    if version_of(module) < flavour.oldest:
        raise MissingDependencyError(
            f"{flavour.name} {version} is too old, {_dotted(flavour.oldest)} is the oldest that works: "
            f"{install(flavour.extra, upgrade=True)}"
        )
    return module


def version_of(module: Any) -> Version:
    """Major and minor version."""
    major, minor = re.findall(r"\d+", module.__version__)[:2]
    return int(major), int(minor)


def require_plugins(module: Any, target: str) -> None:
    """Raise MissingDependencyError for a version whose ONNX parser takes no plugins."""
    flavour = FLAVOURS[target]
    if version_of(module) < flavour.plugins_since:
        raise MissingDependencyError(
            f"{flavour.name} {module.__version__} takes no plugins, {_dotted(flavour.plugins_since)} does: "
            f"{install(flavour.extra, upgrade=True)}, or export with --spectral inline"
        )


def register_own_plugins(module: Any, log: Any) -> None:
    """Put TensorRT's own plugins into its registry, among them FFTPlugin, which ONNX's DFT operator becomes from 11.2.

    Before such a model is built, and before its engine is opened: TensorRT's core library has none of them
    (NvInferPlugin.h, initLibNvInferPlugins: "once before accessing the Plugin Registry"; trtexec calls it in both
    cases). The library that has them, libnvinfer_plugin, is loaded by the Python module itself. A second call does
    nothing. log: an ILogger, which that library keeps for good. Raises EngineError.
    """
    register = getattr(module, "init_libnvinfer_plugins", None)  # tensorrt_lean and tensorrt_dispatch have none
    if register is None or not register(log, ""):
        raise EngineError(
            f"{module.__name__} {module.__version__} does not register its own plugins, one of which computes the DFT "
            "operator: install all of TensorRT, or export with --spectral inline"
        )


def require_dft(module: Any, target: str) -> None:
    """Raise MissingDependencyError for a version whose ONNX parser has no DFT operator."""
    flavour = FLAVOURS[target]
    if flavour.dft_since is not None and version_of(module) >= flavour.dft_since:
        return
    advice = "leave --spectral out, or give inline"
    if flavour.dft_since is None:
        raise MissingDependencyError(f"{flavour.name} {module.__version__} has no DFT operator: {advice}")
    raise MissingDependencyError(
        f"{flavour.name} {module.__version__} has no DFT operator, {_dotted(flavour.dft_since)} does: "
        f"{install(flavour.extra, upgrade=True)}, or {advice}"
    )


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))
