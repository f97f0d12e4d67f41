"""The artefact under proof, on the CPU, computing as it will on its engine."""

from __future__ import annotations

import os

from lama_deploy.runtime.backend import Backend
from lama_deploy.runtime.onnxruntime_backend import OnnxRuntimeBackend


def candidate(model: str | os.PathLike[str], precision: str) -> Backend:
    """A `model.onnx` of lama-export; half precision as an engine would store it (`proof.half`)."""
    if precision != "fp16":
        return OnnxRuntimeBackend(model, device="cpu")
    from lama_deploy.proof.half import half_backend

    return half_backend(model)
