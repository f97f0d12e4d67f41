"""An engine file -> an engine in this process, or one line that says why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lama_deploy.bundle import MODEL, Bundle, check_file, is_bundle, load_bundle
from lama_deploy.errors import BundleError, EngineError, brief
from lama_deploy.shapes import Shape
from lama_deploy.tensorrt.compatibility import is_version_compatible, require_gpu, require_version
from lama_deploy.tensorrt.log import log_of
from lama_deploy.tensorrt.modules import FLAVOURS, open_tensorrt, register_own_plugins, require_plugins
from lama_deploy.tensorrt.plugin.carried import chosen_plugin
from lama_deploy.tensorrt.plugin.load import load_plugin
from lama_deploy.tensorrt.profiles import EngineProfile

IMAGE, MASK, RESULT = "image", "mask", "result"


@dataclass(frozen=True)
class OpenedEngine:
    """engine: ICudaEngine. io: "uint8" or "float". runtime: which the engine needs alive. sha256: of the file."""

    trt: Any
    engine: Any
    runtime: Any
    log: Any
    io: str
    profiles: tuple[EngineProfile, ...]
    sha256: str

    @property
    def is_rtx(self) -> bool:
        return bool(self.trt.__name__ == FLAVOURS["trt-rtx"].module)


def open_engine(
    path: Path,
    plugin: Path | None = None,
    *,
    check: bool = True,
    gpu: Mapping[str, str] | None = None,
    to_refit: bool = False,
) -> OpenedEngine:
    """Deserialise `path`, the model.engine of a bundle, in the current CUDA context.

    plugin: the library that the engine's Fourier units need, if it was built with one; None for what the environment
    names, the one in the bundle, or this package's own (`chosen_plugin`). check: that the file is the one that
    bundle.json names, since TensorRT may take the process down over a damaged one; False for who has done it. gpu:
    {"name", "compute_capability"} of the context's, compared with what the engine was built for. to_refit: open one
    without weights too, which computes nothing until it has them.
    Raises BundleError for a file that is not as the exporter wrote it, MissingDependencyError, KernelError, and
    EngineError for another version, another GPU, or whatever TensorRT says.
    """
    bundle = _bundle_of(path)
    record, trt = bundle.engine, open_tensorrt(bundle.target)
    if record.get("stripped") and not to_refit:
        raise EngineError(
            f"{path}: holds no weights yet; lama-refit {brief(str(path.parent))} --weights WEIGHTS makes a bundle that "
            "does"
        )
    require_version(path, record, bundle.target, trt.__version__)
    if gpu is not None:
        require_gpu(path, record, bundle.target, gpu)
    if check:
        check_file(path, bundle)
    log = log_of(trt)
    _register_plugins(path, bundle, trt, log, plugin)
    runtime = trt.Runtime(log)
    if is_version_compatible(record, bundle.target):
        # IRuntime::setEngineHostCodeAllowed of NvInferRuntime.h: without it a plan that brings its runtime is refused.
        # That is code, as a plan and a plugin are; nothing of a bundle with an engine is for who does not trust it.
        runtime.engine_host_code_allowed = True
    with log.listening() as said:
        engine = runtime.deserialize_cuda_engine(path.read_bytes())
    if engine is None:
        raise EngineError(
            f"{path}: {FLAVOURS[bundle.target].name} refuses it ({said.first_error()}); it runs on the GPUs that it "
            f"was built for ({_made_for(bundle)}): export again, or use {MODEL}, which runs in ONNX Runtime"
        )
    sha256 = bundle.files[path.name]["sha256"]
    return OpenedEngine(trt, engine, runtime, log, _interface(path, trt, engine), _profiles(engine), sha256)


def _register_plugins(path: Path, bundle: Bundle, trt: Any, log: Any, named: Path | None) -> None:
    """Those that the engine holds, with TensorRT's registry. Errors as `open_engine`."""
    if bundle.engine.get("spectral") == "dft":
        register_own_plugins(trt, log)
    if bundle.engine.get("plugin"):
        require_plugins(trt, bundle.target)
        chosen = chosen_plugin(path.parent, bundle, named)
        load_plugin(trt, chosen.path, or_loaded=not chosen.asked)


def _made_for(bundle: Bundle) -> str:
    """GPUs, in words."""
    record = bundle.engine
    named = [record["gpu"]["name"]] if record.get("gpu") else record.get("compute_capabilities", [])
    return ", ".join(named) or "the default"


def _bundle_of(path: Path) -> Bundle:
    if not is_bundle(path.parent):
        raise BundleError(f"{path}: an engine says nothing of itself; give the bundle that it was exported in")
    bundle = load_bundle(path.parent, check=False)
    if bundle.model != path.name or not bundle.engine:
        raise BundleError(f"{path}: not the engine of the bundle around it; export it again")
    return bundle


def _interface(path: Path, trt: Any, engine: Any) -> str:
    names = {engine.get_tensor_name(index) for index in range(engine.num_io_tensors)}
    kinds = {trt.DataType.UINT8: "uint8", trt.DataType.FLOAT: "float"}
    io = kinds.get(engine.get_tensor_dtype(IMAGE)) if names == {IMAGE, MASK, RESULT} else None
    if io is None:
        raise BundleError(f"{path}: not a LaMa engine of lama-export (it has {', '.join(sorted(names))})")
    return io


def _profiles(engine: Any) -> tuple[EngineProfile, ...]:
    """From the mask, (N, H, W) or (N, 1, H, W)."""

    def shape(dims: Any) -> Shape:
        sizes = tuple(dims)
        return sizes[0], sizes[-2], sizes[-1]

    profiles = []
    for index in range(engine.num_optimization_profiles):
        least, best, largest = map(shape, engine.get_tensor_profile_shape(MASK, index))
        profiles.append(EngineProfile(least, best, largest, index))
    return tuple(profiles)
