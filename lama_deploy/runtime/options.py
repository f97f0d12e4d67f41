"""What `Inpainter.load` and `Inpainter.of` take besides, by backend; every option may be left out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypedDict

from lama_deploy.errors import LamaDeployError, brief

if TYPE_CHECKING:  # each of these needs an engine
    import torch

    from lama_deploy.runtime.backends.onnxruntime_session import Optimization
    from lama_deploy.runtime.refine_options import RefineOptions
    from lama_deploy.tensorrt.context import Kernels

MOST_THREADS = max(64, 4 * (os.cpu_count() or 1))  # beyond, engines fail each in its own way, or take all memory
BackendName = Literal["onnxruntime", "openvino", "tensorrt", "litert", "mnn", "ncnn", "torchscript", "torch", "cuda"]
CheckpointBackend = Literal["torch", "cuda"]


class _Device(TypedDict, total=False):
    """device: also "auto", the same as None. A device that is asked for and not there is an error, never the CPU."""

    device: str | None
    threads: int | None


class OnnxRuntimeOptions(_Device, total=False):
    """device: "cpu", "cuda" or "cuda:N"; None: CUDA where it starts. threads: of the CPU; None: as it chooses.

    optimization: of the graph, "all" (the default), "extended", "basic" or "none". streams: pictures computed at the
    same time, at least 1 (the default), which share the threads.
    """

    optimization: Optimization
    streams: int


class OpenVinoOptions(_Device, total=False):
    """device: "cpu" or None, the same. threads: of all streams together; None: as OpenVINO chooses.

    streams: pictures computed at the same time, at least 1; None: one. cache: a folder for compiled models, which makes
    later starts fast; None: the user's, "": none. precision: what it computes in, whatever the file names.
    """

    streams: int
    cache: str | os.PathLike[str] | None
    precision: Literal["f32", "f16", "bf16"] | None


class TensorRtOptions(_Device, total=False):
    """device: "cuda" or "cuda:N"; None: of the CUDA context that is current, else the first GPU. threads: nothing here.

    streams: pictures computed at the same time, at least 1 (the default), each with memory of its own. graphs: how many
    shapes keep a CUDA graph (default: 8); 0: none. With TensorRT-RTX each of them takes the memory of the engine's
    largest shape, while there is plenty. plugin: the library that the engine's Fourier units need; None: the bundle's,
    or this package's own. kernels: when TensorRT-RTX compiles for a shape, "lazy" (the default), "eager" or "none"
    (never). cache: a folder for what it compiles; None: the user's, "": none.
    """

    streams: int
    graphs: int
    plugin: str | os.PathLike[str] | None
    kernels: Kernels
    cache: str | os.PathLike[str] | None


class MnnOptions(_Device, total=False):
    """device: "cpu" or None, the same. threads: None: one a core.

    precision: "high" (the default): float32, as the file was proven; "normal": with MNN's own choice of sums, faster;
    "low": also in half, where the processor computes in it.
    """

    precision: Literal["high", "normal", "low"]


class PlainOptions(_Device, total=False):
    """Of litert and ncnn, whose device is "cpu" or None, the same, and torchscript, whose devices are those of torch.

    threads: of the CPU; None: one a core, in torchscript as torch is set.
    """


class TorchOptions(_Device, total=False):
    """device: "cpu", "cuda", "cuda:N", "mps" or "xpu"; None: CUDA where there is one. threads: of the CPU.

    dtype: what it computes in (default: float32). refine: also refine what is filled (`refine_options`).
    """

    dtype: torch.dtype
    refine: bool | RefineOptions | None


class CudaOptions(_Device, total=False):
    """device: "cuda" (the default), "cuda:N", or "cpu" for tests. threads: of the CPU; None: as set.

    precision: None: fp16 on a GPU, fp32 on the CPU. graphs: how many shapes keep a CUDA graph (default: 8); 0: none.
    """

    precision: Literal["fp32", "fp16", "bf16"] | None
    graphs: int


class AnyOptions(_Device, total=False):
    """Of whatever backend fits the source; LamaDeployError for one that it does not have."""

    optimization: Optimization
    streams: int
    cache: str | os.PathLike[str] | None
    graphs: int
    plugin: str | os.PathLike[str] | None
    kernels: Kernels
    dtype: torch.dtype
    refine: bool | RefineOptions | None
    precision: Literal["fp32", "fp16", "bf16", "f32", "f16", "high", "normal", "low"] | None


def check_counts(options: Mapping[str, object]) -> None:
    """Raises LamaDeployError for threads and streams that are no number which this machine could start."""
    for name in ("threads", "streams"):
        count = options.get(name)
        if count is None:
            continue
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MOST_THREADS:
            raise LamaDeployError(f"{name} is {brief(count)}; allowed: an integer from 1 to {MOST_THREADS}")
