"""ONNX Runtime's sessions: wherever a file runs in it, it is opened here."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import onnxruntime as ort

from lama_deploy.arrays import Array
from lama_deploy.errors import BundleError, LamaDeployError, MissingDependencyError, brief
from lama_deploy.installing import install
from lama_deploy.runtime.devices import Device, parse_device

log = logging.getLogger(__name__)
KINDS = ("cpu", "cuda")
CPU, CUDA = Device("cpu"), "CUDAExecutionProvider"
CUDA_FAULT = "CUDA"  # in what ONNX Runtime says of a device that fails, not of a file
Optimization = Literal["all", "extended", "basic", "none"]
LEVELS = {
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "none": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
}


def open_session(
    model: Path | bytes,
    *,
    device: str | None = None,
    threads: int | None = None,
    optimization: Optimization = "all",
    weights: Mapping[str, Array] | None = None,
) -> ort.InferenceSession:
    """Open a file, or a serialised model.

    device: "cpu", "cuda", "cuda:N"; None or "auto" (CUDA where it starts). threads: of the CPU provider; None leaves it
    to ONNX Runtime. weights: of the initialisers that the file only names.
    Raises BundleError for what it cannot open, MissingDependencyError where it lacks the device.
    """
    if optimization not in tuple(LEVELS):
        raise LamaDeployError(f"optimization {optimization!r} is unknown; allowed: {', '.join(LEVELS)}")
    options = ort.SessionOptions()
    options.graph_optimization_level = LEVELS[optimization]
    options.log_severity_level = 3  # errors: warnings about constant folding are no news to a user
    # Else the second picture of a size takes a plan of its own beside what the first one took: 1.5 to 1.7 times the
    # memory, and no less time.
    options.enable_mem_pattern = False
    if threads is not None:
        options.intra_op_num_threads = threads
    if weights:
        options.add_external_initializers(
            list(weights), [ort.OrtValue.ortvalue_from_numpy(values) for values in weights.values()]
        )
    where = parse_device(device, KINDS, "ONNX Runtime")
    name = "the model" if isinstance(model, bytes) else str(model)
    if isinstance(model, Path) and not model.is_file():
        raise BundleError(f"{name}: no such file")
    try:
        return _opened(model, options, where)
    except LamaDeployError:
        raise
    except Exception as error:  # ONNX Runtime's exceptions share no base class but this
        raise BundleError(f"{name}: ONNX Runtime cannot open it ({brief(error)}); export it again") from error


def threads_of_each(streams: int, threads: int | None) -> int | None:
    """Of each of so many runs at the same time, where `threads` are of all together; None: as ONNX Runtime chooses."""
    return threads if streams == 1 else max(1, (threads or os.cpu_count() or 1) // streams)


def device_of(session: ort.InferenceSession) -> str:
    """Where it runs: "cpu", "cuda", or "cuda:N" where that is not the first."""
    if CUDA not in session.get_providers():
        return "cpu"
    index = int(session.get_provider_options().get(CUDA, {}).get("device_id", 0))
    return f"cuda:{index}" if index else "cuda"


def _opened(model: Path | bytes, options: ort.SessionOptions, device: Device | None) -> ort.InferenceSession:
    """On the device that is asked for or not at all; where none is, on the CPU if CUDA cannot be had.

    ONNX Runtime itself takes the CPU in silence where its CUDA provider does not start. Raises MissingDependencyError.
    """
    if device == CPU or (device is None and CUDA not in ort.get_available_providers()):
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"], enable_fallback=0)
    if CUDA not in ort.get_available_providers():
        advice = f"pip uninstall onnxruntime, then {install('onnxruntime-gpu')}"
        raise MissingDependencyError(f"this ONNX Runtime has no CUDA provider; {advice}")
    providers = [(CUDA, {"device_id": (device and device.index) or 0}), "CPUExecutionProvider"]
    reason = "its CUDA provider did not start: is there a GPU, and CUDA and cuDNN of its versions?"
    try:
        session = ort.InferenceSession(model, options, providers=providers, enable_fallback=0)
        if CUDA in session.get_providers():
            return session
    except Exception as error:  # ONNX Runtime's exceptions share no base class but this
        if CUDA_FAULT not in str(error):
            raise
        reason = brief(error)
    if device is not None:
        raise MissingDependencyError(f"ONNX Runtime cannot use device '{device}' ({reason}); use another, or cpu")
    log.warning("ONNX Runtime runs on the CPU, though it is made for CUDA (%s)", reason)
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"], enable_fallback=0)
