"""Which backend opens what: bundles, engines' files, checkpoints and names."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lama_deploy.bundle import ENGINE, MODELS, PACKAGE, Bundle, bundle_around, check_precision, is_bundle, load_bundle
from lama_deploy.errors import LamaDeployError, MissingDependencyError, brief
from lama_deploy.installing import install
from lama_deploy.runtime.backend import Backend
from lama_deploy.runtime.forks import check_opening
from lama_deploy.runtime.options import BackendName, CheckpointBackend, check_counts
from lama_deploy.tensorrt.modules import FLAVOURS

Source = str | os.PathLike[str]

# What people call them: (module of `backends`, class).
BACKENDS: Mapping[BackendName, tuple[str, str]] = {
    "onnxruntime": ("onnxruntime", "OnnxRuntimeBackend"),
    "openvino": ("openvino", "OpenVinoBackend"),
    "tensorrt": ("tensorrt", "TensorRtBackend"),
    "litert": ("litert", "LiteRtBackend"),
    "mnn": ("mnn", "MnnBackend"),
    "ncnn": ("ncnn", "NcnnBackend"),
    "torchscript": ("torchscript", "TorchScriptBackend"),
    "torch": ("torch_eager", "TorchBackend"),
    "cuda": ("torch_fused", "CudaBackend"),
}
OF_THE_DEMO = ("onnxruntime_demo", "DemoBackend")  # lama-demo in "onnxruntime", which needs no torch
OF_CHECKPOINTS: tuple[CheckpointBackend, ...] = ("torch", "cuda")  # the first by default
# (package, extra) where they have other names than the backend.
PACKAGES: Mapping[str, tuple[str, str]] = {
    "cuda": ("torch", "torch"),
    "torchscript": ("torch", "torch"),
    "tensorrt": ("cuda", "tensorrt"),
    "litert": ("ai_edge_litert", "litert"),
    "mnn": ("MNN", "mnn"),
}
BY_SUFFIX: Mapping[str, BackendName] = {
    ".onnx": "onnxruntime",
    ".xml": "openvino",
    Path(ENGINE).suffix: "tensorrt",
    ".tflite": "litert",
    ".mnn": "mnn",
    ".param": "ncnn",
}
# Of bundles alone: a file of this name by itself is read as a checkpoint, and nothing in it is run.
OF_BUNDLES: Mapping[str, BackendName] = {**BY_SUFFIX, Path(MODELS["torchscript"]).suffix: "torchscript"}
NOT_HERE = (
    "{}: is for Core ML, which runs in apps on Apple's devices and not here; lama-verify compares it with its "
    "checkpoint, and lama-export --to onnx makes one that runs here"
)


def engine_file(source: Path, check: bool) -> tuple[Path | None, Bundle | None]:
    """The file that an engine opens, and the bundle that names it, if one does; None for what only torch can run."""
    try:
        is_folder = is_bundle(source)
    except OSError as error:  # a name too long, a folder that may not be entered
        raise LamaDeployError(f"{brief(str(source))}: cannot be read ({brief(error.strerror)})") from error
    if is_folder:
        bundle = load_bundle(source, check=check)
        if bundle.model == PACKAGE:
            raise LamaDeployError(NOT_HERE.format(brief(str(source))))
        return source / bundle.model, bundle
    if source.suffix == Path(PACKAGE).suffix:
        raise LamaDeployError(NOT_HERE.format(brief(str(source))))
    if source.suffix not in BY_SUFFIX:
        return None, None
    return source, bundle_around(source) if check else None


def opened(opener: Any, model: Path, bundle: Bundle | None, options: dict[str, Any]) -> Backend:
    """bundle: what the file's own metadata is held to; an engine has none, and has been compared already."""
    backend: Backend
    if model.suffix == Path(ENGINE).suffix:
        backend = opener(model, **{**options, "check": False})
        return backend
    backend = opener(model, **options)
    if bundle is not None:
        check_precision(model, bundle, backend.capabilities.made_for)
    return backend


def what_it_takes(backend: str) -> str:
    if backend in OF_CHECKPOINTS:
        return "it takes a checkpoint"
    named = ("openvino", "litert", "mnn", "ncnn", "torchscript")
    targets = {"onnxruntime": "onnx", "tensorrt": "trt", **dict(zip(named, named, strict=True))}
    return f"it takes a bundle, made by lama-export --to {targets[backend]}" if backend in targets else "unknown name"


def fitting_backends(source: Source, model: Path | None) -> tuple[BackendName, ...]:
    """The backends that run it, the first by default: of a file that an engine opens, its engine.

    lama-demo also runs in ONNX Runtime, and does where there is no torch.
    """
    from lama_deploy.checkpoints.weights import DEMO

    if model is not None:
        return (OF_BUNDLES[model.suffix],)
    if str(source) != DEMO or Path(source).exists():
        return OF_CHECKPOINTS
    return ("onnxruntime", *OF_CHECKPOINTS) if find_spec("torch") is None else (*OF_CHECKPOINTS, "onnxruntime")


def backend_class(name: BackendName, bundle: Bundle | None = None, place: tuple[str, str] | None = None) -> Any:
    """bundle: what it is to run, for advice. place: (module, class), by default that of BACKENDS."""
    package, extra = PACKAGES.get(name, (name, name))
    module_name, class_name = place or BACKENDS[name]
    try:
        module = import_module(f"lama_deploy.runtime.backends.{module_name}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != package:
            raise
        hint = "; or export a bundle once, with lama-export, and run that" if package == "torch" else ""
        needed = install(FLAVOURS[bundle.target].extra if bundle and bundle.target in FLAVOURS else extra)
        raise MissingDependencyError(f"this model needs {package}: {needed}{hint}") from error
    return getattr(module, class_name)


def opener_of(
    name: BackendName, options: dict[str, Any], bundle: Bundle | None = None, place: tuple[str, str] | None = None
) -> Any:
    """The backend's class, if it has these options."""
    opener = backend_class(name, bundle, place)
    allowed = list(inspect.signature(opener).parameters)
    allowed = [option for option in allowed if option not in ("model", "checkpoint")]
    check_counts(options)
    for option in options:
        if option not in allowed:
            raise LamaDeployError(f"the {name} backend has no option {option!r}; allowed: {', '.join(allowed)}")
    check_opening(name, options.get("threads"))
    return opener
