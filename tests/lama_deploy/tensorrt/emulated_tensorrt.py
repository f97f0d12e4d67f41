"""TensorRT's runtime without a GPU: an engine names an ONNX file, and ONNX Runtime computes what is enqueued.

It keeps TensorRT's rules: shapes inside the profile, scratch memory of the size asked for and of one stream, a run
before a capture, no other shape in a context that a graph was captured in, and an order in which objects go. Where
code is stopped by the Python bindings, and C++ is not, the rule is kept all the same. What breaks a rule where nobody
would see it is told to `faults`, which has to be empty at the end.
"""

import ctypes
import json
import shutil
import weakref
from collections.abc import Sequence
from enum import Enum
from functools import lru_cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from lama_deploy.runtime.backends.onnxruntime import OnnxRuntimeBackend
from tests.lama_deploy.tensorrt.emulated_context import SCRATCH_PER_PIXEL, Config, Context, Graphs, Kernels, Strategy
from tests.lama_deploy.tensorrt.emulated_cuda import EmulatedDriver
from tests.lama_deploy.tensorrt.emulated_plugins import Registry, initialiser, objection
from tests.resign import resign

DataType = Enum("DataType", "UINT8 FLOAT")
VERSION, RTX_VERSION = "11.4.0", "1.7.1"


def computing(model: Path) -> OnnxRuntimeBackend:
    """Opened once for all engines, which takes longer than their runs do."""
    return _opened(model, model.stat().st_mtime_ns)


@lru_cache(4)
def _opened(model: Path, changed: int) -> OnnxRuntimeBackend:
    return OnnxRuntimeBackend(model, device="cpu")


class Logger:
    """ILogger."""

    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = "internal error", "error", "warning", "info", "verbose"


class Engine:
    """What an engine does, which outlives its handle. runs: (profile, mask's shape) of everything computed."""

    def __init__(self, driver: EmulatedDriver, faults: list[str], logger: Any, plan: dict[str, Any]) -> None:
        self.driver, self.faults, self.logger = driver, faults, weakref.ref(logger)
        self.profiles, self.io = plan["profiles"], plan["io"]
        self.names = plan.get("names", ["image", "mask", "result"])
        self.backend = computing(Path(plan["model"])) if plan["model"] else None
        self.runs: list[tuple[int, tuple[int, ...]]] = []
        self.contexts = self.partitions = self.replays = 0
        self.configs: list[SimpleNamespace] = []
        self.before_the_engine = weakref.WeakSet[Any]()
        self.streams: dict[int, int] = {}
        self.refuses_captures = 0  # so many, the next ones
        self.refuses_sizes = False
        self.most_contexts = self.most_with_a_profile = 10**9
        self.cache: SimpleNamespace | None = None

    @property
    def most_scratch(self) -> int:
        return max(self.scratch_of(index) for index in range(len(self.profiles)))

    def scratch_of(self, index: int) -> int:
        return SCRATCH_PER_PIXEL * int(np.prod(self.profiles[index][2]))

    def error(self, message: str) -> None:
        self.say(Logger.ERROR, message)

    def say(self, severity: str, message: str) -> None:
        """To the logger, which "must be valid until all objects created are released" (NvInferRuntime.h, ILogger)."""
        logger = self.logger()
        if logger is None:
            self.faults.append("the logger was freed")
        else:
            logger.log(severity, message)

    def end_context(self) -> None:
        """It frees memory, events and streams of the device as it goes."""
        if not self.driver.stack:
            self.faults.append("a context went while no context of CUDA was current")

    def profile_shape(self, name: str, index: int) -> list[tuple[int, ...]]:
        def full(n: int, h: int, w: int) -> tuple[int, ...]:
            if self.io == "float":
                return (n, 3 if name == "image" else 1, h, w)
            return (n, h, w, 3) if name == "image" else (n, h, w)

        return [full(*shape) for shape in self.profiles[index]]

    def compute(self, profile: int, shapes: dict[str, tuple[int, ...]], addresses: dict[str, int]) -> None:
        assert self.backend is not None
        dtype = np.dtype(self.io if self.io == "uint8" else "float32")
        feeds = {name: self.at(addresses[name], shape, dtype).copy() for name, shape in shapes.items()}
        result = self.backend._session.run(["result"], feeds)[0]
        self.at(addresses["result"], result.shape, dtype)[...] = result
        self.runs.append((profile, shapes["mask"]))
        if self.cache is not None:
            self.cache.content += b"k"

    def at(self, address: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
        size = int(np.prod(shape)) * dtype.itemsize
        assert self.driver.has(address, size), "not in an allocation"
        return np.frombuffer((ctypes.c_uint8 * size).from_address(address), dtype).reshape(shape)


class EngineHandle:
    """ICudaEngine. Contexts, configurations and cache go before it; the bindings keep its runtime until after it."""

    def __init__(self, seen: Engine, runtime: Any) -> None:
        self.seen, self._runtime = seen, runtime
        self.num_io_tensors, self.num_optimization_profiles = len(seen.names), len(seen.profiles)
        self.device_memory_size_v2 = seen.most_scratch if seen.backend else 0

    def __del__(self) -> None:
        self.seen.faults += [f"an engine went before its {type(one).__name__}" for one in self.seen.before_the_engine]

    def get_tensor_name(self, index: int) -> str:
        return str(self.seen.names[index])

    def get_tensor_dtype(self, name: str) -> DataType:
        return DataType.UINT8 if self.seen.io == "uint8" else DataType.FLOAT

    def get_tensor_profile_shape(self, name: str, index: int) -> list[tuple[int, ...]]:
        return self.seen.profile_shape(name, index)

    def get_device_memory_size_for_profile_v2(self, index: int) -> int:
        return self.seen.scratch_of(index)

    def create_runtime_config(self) -> Config:
        return Config(self)

    def create_execution_context(self, config: Config) -> Context | None:
        seen = self.seen
        alive = sum(isinstance(one, Context) for one in seen.before_the_engine)
        if alive >= seen.most_contexts:
            seen.error("no more contexts")
            return None
        context = Context(seen, config.values)
        if not context.allocate():
            return None
        seen.contexts += 1
        return context


def _say_by_the_first(module: Any, line: str) -> None:
    """The registry has no logger but the first that any object was made with (NvInferRuntime.h, getLogger)."""
    first = module.loggers[0]() if module.loggers else Logger
    if first is None:
        module.faults.append("the first logger was freed")
    elif first is not Logger:
        first.log(Logger.ERROR, line)


def emulated_module(driver: EmulatedDriver, *, rtx: bool = False) -> Any:
    """A module like tensorrt or tensorrt_rtx. engines: those deserialised, the latest last. faults: rules broken."""
    module: Any = ModuleType("tensorrt_rtx" if rtx else "tensorrt")
    module.engines, module.faults, module.loggers = [], [], []
    module.registry = Registry(lambda line: _say_by_the_first(module, line))
    module.get_plugin_registry = lambda: module.registry
    module.init_libnvinfer_plugins = initialiser(module.registry)

    class Runtime:
        def __init__(self, logger: Any) -> None:
            module.loggers.append(weakref.ref(logger))
            self.logger = weakref.ref(logger)
            self.engine_host_code_allowed = False

        def deserialize_cuda_engine(self, plan: bytes) -> EngineHandle | None:
            values, logger = json.loads(plan), self.logger()
            for line in values.get("warnings", ()):
                logger.log(Logger.WARNING, line)
            if values.get("gpu", "emulated") != "emulated":
                logger.log(Logger.ERROR, "The engine plan file was built on another GPU\nmore")
                return None
            reason = objection(values, module.registry, self.engine_host_code_allowed)
            if reason:
                logger.log(Logger.ERROR, reason)
                return None
            module.engines.append(Engine(driver, module.faults, logger, values))
            return EngineHandle(module.engines[-1], self)

    module.__version__ = RTX_VERSION if rtx else VERSION
    module.Builder, module.Runtime, module.ILogger, module.DataType = object, Runtime, Logger, DataType
    module.ExecutionContextAllocationStrategy = Strategy
    if rtx:
        module.CudaGraphStrategy, module.DynamicShapesKernelSpecializationStrategy = Graphs, Kernels
    return module


def emulated_bundle(
    source: Path, out: Path, profiles: Sequence[Sequence[tuple[int, int, int]]], *, rtx: bool = False, **plan: Any
) -> Path:
    """A bundle as lama-export --to trt writes it, of an ONNX bundle. profiles: (least, best, largest) of each."""
    shutil.copytree(source, out)
    io = json.loads((out / "bundle.json").read_text())["io"]
    values = {"model": str(out / "model.onnx"), "io": io, "profiles": profiles, **plan}
    (out / "model.engine").write_text(json.dumps(values))
    record = {
        "module": "tensorrt_rtx" if rtx else "tensorrt",
        "version": RTX_VERSION if rtx else VERSION,
        "plugin": None,
        "gpu": None if rtx else {"name": "Emulated GPU", "compute_capability": "9.0"},
        "compute_capabilities": [],
        "profiles": [dict(zip(("min", "opt", "max"), (shape[1:] for shape in one), strict=True)) for one in profiles],
        "batch": dict(zip(("min", "opt", "max"), (shape[0] for shape in profiles[0]), strict=True)),
    }
    return resign(out, target="trt-rtx" if rtx else "trt", engine=record)
