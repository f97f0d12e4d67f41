"""What runs layers for comparison: NVIDIA Polygraphy, which also compares them (`compare.LayerComparison`)."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import onnx

from lama_deploy.errors import EngineError, MissingDependencyError
from lama_deploy.installing import install
from lama_deploy.proof.layers.compare import Difference, LayerComparison
from lama_deploy.tensorrt.modules import FLAVOURS, open_tensorrt, require_plugins
from lama_deploy.tensorrt.plugin.load import load_plugin
from lama_deploy.tensorrt.profiles import EngineProfile


def require_polygraphy(target: str) -> None:
    """Before anything else of this module. target: of the bundle, which Polygraphy's choice of TensorRT depends on.

    Raises MissingDependencyError, and EngineError where this process has used Polygraphy with the other TensorRT.
    """
    if find_spec("polygraphy") is None:
        raise MissingDependencyError(f"--layers needs Polygraphy, which is not installed: {install('layers')}")
    if target not in FLAVOURS:
        return
    from polygraphy import config

    rtx = target == "trt-rtx"
    if rtx != config.USE_TENSORRT_RTX and "polygraphy.util" in sys.modules:
        raise EngineError("Polygraphy takes one kind of TensorRT in a process, and has taken the other; use a new one")
    config.USE_TENSORRT_RTX = rtx


def on_cpu(model: onnx.ModelProto, outputs: Sequence[str], name: str) -> Any:
    """A runner of ONNX Runtime."""
    from polygraphy.backend.onnxrt import OnnxrtRunner, SessionFromOnnx

    return OnnxrtRunner(SessionFromOnnx(_marked(model, outputs)), name=name)


def on_gpu(plan: Callable[[], Any], name: str) -> Any:
    """A runner of TensorRT for what `engine_plan` builds."""
    from polygraphy.backend.trt import EngineFromBytes, TrtRunner

    return TrtRunner(EngineFromBytes(plan), name=name, allocation_strategy="runtime")


def engine_plan(
    model: onnx.ModelProto,
    outputs: Sequence[str],
    target: str,
    record: Mapping[str, Any],
    profile: EngineProfile,
    plugin: Path | None,
) -> Callable[[], Any]:
    """Builds a serialised engine as a bundle's `engine` records it, of one profile, with `outputs` marked.

    plugin: the library for the Fourier units, whose nodes `model` then has to have. TensorRT-RTX needs no GPU for it.
    """
    trt = open_tensorrt(target)
    from polygraphy.backend.trt import CreateConfig, EngineBytesFromNetwork, NetworkFromOnnxBytes

    flags = []
    if plugin is not None:
        require_plugins(trt, target)
        load_plugin(trt, plugin)
        flags = [flag for name, flag in trt.OnnxParserFlag.__members__.items() if name == "ENABLE_PLUGIN_OVERRIDE"]
    workspace = record["workspace_mib"]
    config = CreateConfig(  # CreateConfigRTX would leave TF32 on
        profiles=[_shapes(model.graph, profile)],
        tf32=record["tf32"],
        builder_optimization_level=record["opt_level"],
        memory_pool_limits={trt.MemoryPoolType.WORKSPACE: workspace << 20} if workspace else None,
    )
    network = NetworkFromOnnxBytes(_marked(model, outputs), flags=flags or None, strongly_typed=True)
    plan: Callable[[], Any] = EngineBytesFromNetwork(network, config=config)
    return plan


def compare(runners: Sequence[Any], feeds: Mapping[str, Any], comparison: LayerComparison) -> list[Difference]:
    """Run the reference and the candidate on the same input and compare. Raises EngineError with the first error.

    Comparator.compare_accuracy takes the comparison too, but spends three times the rest on statistics for its log.
    """
    from polygraphy.comparator import Comparator

    with _errors() as said:
        try:
            results = Comparator.run(list(runners), data_loader=[feeds])
        except Exception as error:  # ONNX Runtime's share no base class but this; whatever it is, they do not run
            reason = (said or str(error).splitlines())[0]
            raise EngineError(f"the layers do not run: {reason}") from error
    reference, candidate = (iterations[0] for _, iterations in results)
    return list(comparison(reference, candidate).values())


def _marked(model: onnx.ModelProto, outputs: Sequence[str]) -> Any:
    """Serialised. TensorRT wants the type of every output, and the picture among them: it has bytes nowhere else."""
    from polygraphy.backend.onnx import BytesFromOnnx, ModifyOutputs

    typed = onnx.shape_inference.infer_shapes(model)
    names = [*outputs, *(value.name for value in model.graph.output)]
    typed.graph.value_info.extend(model.graph.output)
    return BytesFromOnnx(ModifyOutputs(typed, outputs=names))


def _shapes(graph: onnx.GraphProto, profile: EngineProfile) -> Any:
    from polygraphy.backend.trt import Profile

    shapes = Profile()
    for value in graph.input:
        dims = value.type.tensor_type.shape.dim
        shapes.add(value.name, *(_filled(dims, size) for size in (profile.least, profile.best, profile.largest)))
    return shapes


def _filled(dims: Any, size: Sequence[int]) -> list[int]:
    """Free dimensions, N, H and W in either layout, set."""
    free = iter(size)
    return [dim.dim_value if dim.HasField("dim_value") else next(free) for dim in dims]


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage().splitlines()[0])


@contextmanager
def _errors() -> Iterator[list[str]]:
    """Polygraphy prints nothing, and its errors, TensorRT's among them, are kept: the first is the cause."""
    from polygraphy.logger import G_LOGGER

    kept, logger = _Kept(), logging.getLogger("Polygraphy")
    before = G_LOGGER.use_python_logging_system, G_LOGGER.colors, G_LOGGER.letter
    G_LOGGER.use_python_logging_system, G_LOGGER.colors, G_LOGGER.letter = True, False, False
    logger.addHandler(kept)
    try:
        with G_LOGGER.verbosity(G_LOGGER.ERROR):
            yield kept.messages
    finally:
        logger.removeHandler(kept)
        G_LOGGER.use_python_logging_system, G_LOGGER.colors, G_LOGGER.letter = before
