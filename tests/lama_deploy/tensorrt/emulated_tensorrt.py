"""TensorRT's runtime without a GPU: an engine names an ONNX file, and ONNX Runtime computes what is enqueued.

It keeps TensorRT's rules: shapes inside the profile, scratch memory of the size asked for and of one stream, a run
before a capture, and no other shape in a context that a graph was captured in.
"""

import ctypes
import json
import shutil
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from lama_deploy.runtime.backends.onnxruntime import OnnxRuntimeBackend
from tests.lama_deploy.tensorrt.emulated_cuda import EmulatedDriver
from tests.lama_deploy.tensorrt.emulated_plugins import Registry, initialiser, objection
from tests.resign import resign

Strategy = Enum("Strategy", "STATIC ON_PROFILE_CHANGE USER_MANAGED")
Kernels = Enum("Kernels", "LAZY EAGER NONE")
Graphs = Enum("Graphs", "DISABLED WHOLE_GRAPH_CAPTURE")
DataType = Enum("DataType", "UINT8 FLOAT")
SCRATCH_PER_PIXEL = 8
VERSION, RTX_VERSION = "11.4.0", "1.7.1"


class Logger:
    ERROR, INTERNAL_ERROR, INFO = "error", "internal error", "info"


class Config:
    """IRuntimeConfig."""

    def __init__(self, engine: "Engine") -> None:
        self.engine = engine
        self.strategy = Strategy.STATIC

    def set_execution_context_allocation_strategy(self, strategy: Strategy) -> None:
        self.strategy = strategy

    def create_runtime_cache(self) -> "Cache":
        return Cache()

    def set_runtime_cache(self, cache: "Cache") -> bool:
        self.engine.cache = cache
        return True


class Cache:
    """IRuntimeCache: grows with the shapes that were run; takes none but what begins as its own does."""

    def __init__(self) -> None:
        self.content = b"kernels:"

    def deserialize(self, content: bytes) -> bool:
        good = content.startswith(b"kernels:")
        self.content = content if good else self.content
        return good

    def serialize(self) -> bytes:
        return self.content


class Context:
    """IExecutionContext."""

    def __init__(self, engine: "Engine", config: Config) -> None:
        assert config.strategy is Strategy.USER_MANAGED
        self.engine, self.shapes, self.addresses = engine, {}, {}
        self.profile: dict[str, Any] | None = None
        self.scratch = (0, 0)
        self.prepared: Any = None
        self.life = SimpleNamespace(state=0, over=False)  # state changes with whatever a graph relies on

    def __del__(self) -> None:
        self.life.over = True

    def set_optimization_profile_async(self, index: int, stream: int) -> bool:
        self.index, self.profile = index, self.engine.profiles[index]
        return True

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        assert self.profile is not None
        least, _, largest = self.engine.get_tensor_profile_shape(name, self.index)
        if not all(low <= n <= high for low, n, high in zip(least, shape, largest, strict=True)):
            self.engine.logger.log(Logger.ERROR, f"Static dimension mismatch: {name} {shape}\nmore")
            return False
        self.life.state += self.shapes.get(name) != shape
        self.shapes[name] = shape
        return True

    def update_device_memory_size_for_shapes(self) -> int:
        return SCRATCH_PER_PIXEL * int(np.prod(self.shapes["mask"]))

    def set_device_memory(self, address: int, size: int) -> None:
        self.life.state += self.scratch[0] != address
        self.scratch = address, size

    def set_tensor_address(self, name: str, address: int) -> bool:
        assert address % 256 == 0
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        engine, driver = self.engine, self.engine.driver
        capturing = driver.streams[stream].captured is not None
        arrangement = self.life.state, dict(self.shapes), dict(self.addresses)
        refused = capturing and engine.refuses_captures > 0
        engine.refuses_captures -= refused
        if capturing and (refused or self.prepared != arrangement):
            engine.logger.log(Logger.ERROR, "operation not permitted when stream is capturing")
            return False
        self.prepared = arrangement
        assert engine.streams.setdefault(self.scratch[0], stream) == stream, "scratch memory of another stream"
        index, scratch, life = self.index, self.scratch, self.life

        def compute() -> None:
            assert not life.over, "the context is gone"
            assert not capturing or life.state == arrangement[0], "a graph whose context was changed"
            assert scratch[1] >= SCRATCH_PER_PIXEL * int(np.prod(arrangement[1]["mask"]))
            assert driver.has(*scratch), "scratch memory was freed"
            engine.compute(index, *arrangement[1:])

        driver.streams[stream].enqueue(compute)
        return True


class Engine:
    """ICudaEngine. runs: (profile, mask's shape, whether in a graph is not told) of everything computed."""

    def __init__(self, driver: EmulatedDriver, logger: Any, plan: dict[str, Any]) -> None:
        self.driver, self.logger = driver, logger
        self.profiles, self.io = plan["profiles"], plan["io"]
        self.names = plan.get("names", ["image", "mask", "result"])
        self.num_io_tensors, self.num_optimization_profiles = len(self.names), len(self.profiles)
        self.backend = OnnxRuntimeBackend(plan["model"], device="cpu") if plan["model"] else None
        self.runs: list[tuple[int, tuple[int, ...]]] = []
        self.contexts = 0
        self.streams: dict[int, int] = {}
        self.refuses_captures = 0  # so many, the next ones
        self.cache: Cache | None = None

    def get_tensor_name(self, index: int) -> str:
        return str(self.names[index])

    def get_tensor_dtype(self, name: str) -> DataType:
        return DataType.UINT8 if self.io == "uint8" else DataType.FLOAT

    def get_tensor_profile_shape(self, name: str, index: int) -> list[tuple[int, ...]]:
        def full(n: int, h: int, w: int) -> tuple[int, ...]:
            if self.io == "float":
                return (n, 3 if name == "image" else 1, h, w)
            return (n, h, w, 3) if name == "image" else (n, h, w)

        return [full(*shape) for shape in self.profiles[index]]

    def create_runtime_config(self) -> Config:
        self.config = Config(self)
        return self.config

    def create_execution_context(self, config: Config) -> Context:
        self.contexts += 1
        return Context(self, config)

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


def emulated_module(driver: EmulatedDriver, *, rtx: bool = False) -> Any:
    """A module like tensorrt or tensorrt_rtx. engines: those deserialised, the latest last."""
    module: Any = ModuleType("tensorrt_rtx" if rtx else "tensorrt")
    module.engines, module.registry = [], Registry()
    module.get_plugin_registry = lambda: module.registry
    module.init_libnvinfer_plugins = initialiser(module.registry)

    class Runtime:
        def __init__(self, logger: Any) -> None:
            self.logger = logger
            self.engine_host_code_allowed = False

        def deserialize_cuda_engine(self, plan: bytes) -> Engine | None:
            values = json.loads(plan)
            if values.get("gpu", "emulated") != "emulated":
                self.logger.log(Logger.ERROR, "The engine plan file was built on another GPU\nmore")
                return None
            reason = objection(values, module.registry, self.engine_host_code_allowed)
            if reason:
                self.logger.log(Logger.ERROR, reason)
                return None
            module.engines.append(Engine(driver, self.logger, values))
            return module.engines[-1]

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
