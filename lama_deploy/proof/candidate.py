"""The artefact under proof: on the CPU, computing as it will on its engine, or as the engine that it is."""

from __future__ import annotations

from pathlib import Path

from lama_deploy.bundle import ENGINE
from lama_deploy.runtime.backend import Backend
from lama_deploy.runtime.opening import OF_BUNDLES, backend_class
from lama_deploy.runtime.options import BackendName

# Opened here as by everybody.
BY_EVERYBODY: tuple[BackendName, ...] = ("litert", "mnn", "ncnn", "torchscript")


def candidate(model: Path, precision: str) -> Backend:
    """A model file of lama-export; half precisions in ONNX as an engine would store them (`proof.rounded_backend`).

    An engine of TensorRT runs on the GPU: EngineError where that cannot be. Its bundle's files have been checked.
    Raises MissingDependencyError where that engine is not installed.
    """
    if model.suffix == Path(ENGINE).suffix:
        from lama_deploy.runtime.backends.tensorrt import TensorRtBackend

        return TensorRtBackend(model, check=False)
    if model.suffix == ".xml":
        from lama_deploy.runtime.backends.openvino import OpenVinoBackend

        return OpenVinoBackend(model, cache="")
    if model.suffix == ".mlpackage":
        from lama_deploy.proof.coreml_program import CoreMlProgram

        return CoreMlProgram(model)
    backend = OF_BUNDLES.get(model.suffix)
    if backend in BY_EVERYBODY:
        made: Backend = backend_class(backend)(model, device="cpu")
        return made
    if precision in ("fp16", "bf16"):
        from lama_deploy.proof.rounded_backend import half_backend

        return half_backend(model)
    from lama_deploy.runtime.backends.onnxruntime import OnnxRuntimeBackend

    return OnnxRuntimeBackend(model, device="cpu")
