"""The artefact under proof: on the CPU, computing as it will on its engine, or as the engine that it is."""

from __future__ import annotations

from pathlib import Path

from lama_deploy.bundle import ENGINE
from lama_deploy.runtime.backend import Backend


def candidate(model: Path, precision: str) -> Backend:
    """A model file of lama-export; half precisions in ONNX as an engine would store them (`proof.rounded_backend`).

    An engine of TensorRT runs on the GPU: EngineError where that cannot be. Its bundle's files have been checked.
    """
    if model.suffix == Path(ENGINE).suffix:
        from lama_deploy.runtime.backends.tensorrt import TensorRtBackend

        return TensorRtBackend(model, check=False)
    if model.suffix == ".xml":
        from lama_deploy.runtime.backends.openvino import OpenVinoBackend

        return OpenVinoBackend(model, cache="")
    if model.suffix == ".tflite":
        from lama_deploy.runtime.backends.litert import LiteRtBackend

        return LiteRtBackend(model)
    if model.suffix == ".mlpackage":
        from lama_deploy.proof.coreml_program import CoreMlProgram

        return CoreMlProgram(model)
    if precision in ("fp16", "bf16"):
        from lama_deploy.proof.rounded_backend import half_backend

        return half_backend(model)
    from lama_deploy.runtime.backends.onnxruntime import OnnxRuntimeBackend

    return OnnxRuntimeBackend(model, device="cpu")
