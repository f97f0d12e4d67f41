"""ONNX Runtime's sessions: wherever a file runs in it, it is opened here."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import onnxruntime as ort

from lama_deploy.errors import BundleError, LamaDeployError, MissingDependencyError, brief

Optimization = Literal["all", "extended", "basic", "none"]
LEVELS = {
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "none": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
}


def open_session(
    model: Path | bytes, *, device: str | None = None, threads: int | None = None, optimization: Optimization = "all"
) -> ort.InferenceSession:
    """Open a file, or a serialised model.

    device: "cpu", "cuda" or None (CUDA where available). threads: of the CPU provider; None leaves it to ONNX Runtime.
    Raises BundleError for what it cannot open, MissingDependencyError where it lacks CUDA.
    """
    if optimization not in tuple(LEVELS):
        raise LamaDeployError(f"optimization {optimization!r} is unknown; allowed: {', '.join(LEVELS)}")
    options = ort.SessionOptions()
    options.graph_optimization_level = LEVELS[optimization]
    options.log_severity_level = 3  # errors: warnings about constant folding are no news to a user
    if threads is not None:
        options.intra_op_num_threads = threads
    providers = _providers(device)
    name = "the model" if isinstance(model, bytes) else str(model)
    if isinstance(model, Path) and not model.is_file():
        raise BundleError(f"{name}: no such file")
    try:
        return ort.InferenceSession(model, options, providers=providers)
    except Exception as error:  # ONNX Runtime's exceptions share no base class but this
        raise BundleError(f"{name}: ONNX Runtime cannot open it ({brief(error)}); export it again") from error


def _providers(device: str | None) -> list[str]:
    available = ort.get_available_providers()
    if device == "cuda" and "CUDAExecutionProvider" not in available:
        raise MissingDependencyError("this ONNX Runtime has no CUDA provider; pip install onnxruntime-gpu")
    cuda = ["CUDAExecutionProvider"] if device != "cpu" and "CUDAExecutionProvider" in available else []
    return [*cuda, "CPUExecutionProvider"]
