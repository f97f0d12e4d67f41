"""ONNX Runtime: CPU, or CUDA where its provider is installed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import onnxruntime as ort

from lama_deploy.arrays import Array
from lama_deploy.bundle import IO_PROPERTY, PRECISION_PROPERTY
from lama_deploy.errors import BundleError, LamaDeployError, MissingDependencyError
from lama_deploy.images.pixels import unit_planes
from lama_deploy.runtime.backend import Capabilities

Optimization = Literal["all", "extended", "basic", "none"]
LEVELS = {
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "none": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
}


class OnnxRuntimeBackend:
    """A `model.onnx` written by lama-export, either interface.

    device: "cpu", "cuda" or None (CUDA where available). threads: of the CPU provider; None leaves it to ONNX Runtime.
    """

    name = "onnxruntime"

    def __init__(
        self,
        model: str | os.PathLike[str],
        *,
        device: str | None = None,
        threads: int | None = None,
        optimization: Optimization = "all",
    ) -> None:
        if optimization not in LEVELS:
            raise LamaDeployError(f"optimization {optimization!r} is unknown; allowed: {', '.join(LEVELS)}")
        options = ort.SessionOptions()
        options.graph_optimization_level = LEVELS[optimization]
        options.log_severity_level = 3  # errors: warnings about constant folding are no news to a user
        if threads is not None:
            options.intra_op_num_threads = threads
        self._session = _open_session(Path(model), options, _providers(device))
        self._io = _interface(Path(model), self._session)
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.capabilities = Capabilities(made_for=metadata.get(PRECISION_PROPERTY))
        self.device = "cuda" if "CUDAExecutionProvider" in self._session.get_providers() else "cpu"

    def run(self, images: Array, masks: Array) -> Array:
        """As Backend.run."""
        if self._io == "uint8":
            feeds = {"image": images, "mask": masks}
        else:
            feeds = dict(zip(("image", "mask"), unit_planes(images, masks), strict=True))
        result: Array = self._session.run(["result"], feeds)[0]
        return result if self._io == "uint8" else result.transpose(0, 2, 3, 1)


def _providers(device: str | None) -> list[str]:
    available = ort.get_available_providers()
    if device == "cuda" and "CUDAExecutionProvider" not in available:
        raise MissingDependencyError("this ONNX Runtime has no CUDA provider; pip install onnxruntime-gpu")
    cuda = ["CUDAExecutionProvider"] if device != "cpu" and "CUDAExecutionProvider" in available else []
    return [*cuda, "CPUExecutionProvider"]


def _open_session(model: Path, options: ort.SessionOptions, providers: list[str]) -> ort.InferenceSession:
    if not model.is_file():
        raise BundleError(f"{model}: no such file")
    try:
        return ort.InferenceSession(model, options, providers=providers)
    except Exception as error:  # ONNX Runtime's exceptions share no base class but this
        first_line = str(error).splitlines()[0]
        raise BundleError(f"{model}: ONNX Runtime cannot open it ({first_line}); export it again") from error


def _interface(model: Path, session: ort.InferenceSession) -> str:
    io = session.get_modelmeta().custom_metadata_map.get(IO_PROPERTY)
    if io not in ("uint8", "float"):
        names = ", ".join(value.name for value in session.get_inputs())
        raise BundleError(
            f"{model}: not a LaMa model of lama-export (inputs: {names}); make one with lama-export --to onnx"
        )
    return str(io)
