"""The artefact under proof, on the CPU, computing as it will on its engine."""

from __future__ import annotations

from pathlib import Path

from lama_deploy.bundle import ENGINE, engine_without_backend
from lama_deploy.runtime.backend import Backend


def candidate(model: Path, precision: str) -> Backend:
    """A model file of lama-export; fp16 in ONNX as an engine would store it (`proof.half`).

    Raises EngineError for an engine of TensorRT.
    """
    if model.suffix == Path(ENGINE).suffix:
        raise engine_without_backend(model)
    if model.suffix == ".xml":
        from lama_deploy.runtime.openvino_backend import OpenVinoBackend

        return OpenVinoBackend(model, cache="")
    if precision == "fp16":
        from lama_deploy.proof.half import half_backend

        return half_backend(model)
    from lama_deploy.runtime.onnxruntime_backend import OnnxRuntimeBackend

    return OnnxRuntimeBackend(model, device="cpu")
