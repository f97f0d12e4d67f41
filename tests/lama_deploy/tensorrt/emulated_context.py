"""TensorRT's execution contexts and their configurations without a GPU. Each rule names who says so.

NvInferRuntime.h is the header of TensorRT 10.0 to 11.1; "Working with RTX CUDA Graphs" is a page of TensorRT-RTX's
guide; texts of errors are those that libtensorrt_rtx 1.7.1 holds.
"""

from enum import Enum
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tests.lama_deploy.tensorrt.emulated_tensorrt import Engine, EngineHandle

Strategy = Enum("Strategy", "STATIC ON_PROFILE_CHANGE USER_MANAGED")
Kernels = Enum("Kernels", "LAZY EAGER NONE")
Graphs = Enum("Graphs", "DISABLED WHOLE_GRAPH_CAPTURE")
SCRATCH_PER_PIXEL = 8


class Config:
    """IRuntimeConfig. values: what it was set to, which outlives it."""

    values: SimpleNamespace

    def __init__(self, engine: "EngineHandle") -> None:
        values = SimpleNamespace(strategy=Strategy.STATIC, cuda_graph_strategy=Graphs.DISABLED)
        self.__dict__["values"] = values
        self.__dict__["_seen"] = engine.seen
        engine.seen.configs.append(values)
        engine.seen.before_the_engine.add(self)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.values, name, value)

    def set_execution_context_allocation_strategy(self, strategy: Strategy) -> None:
        self.values.strategy = strategy

    def create_runtime_cache(self) -> "Cache":
        return Cache(self.__dict__["_seen"])

    def set_runtime_cache(self, cache: "Cache") -> bool:
        self.__dict__["_seen"].cache = cache.state
        return True


class Cache:
    """IRuntimeCache: grows with the shapes that were run; takes none but what begins as its own does."""

    def __init__(self, engine: "Engine") -> None:
        self.state = SimpleNamespace(content=b"kernels:")
        engine.before_the_engine.add(self)

    def deserialize(self, content: bytes) -> bool:
        good = content.startswith(b"kernels:")
        self.state.content = content if good else self.state.content
        return good

    def serialize(self) -> bytes:
        content: bytes = self.state.content
        return content


class Context:
    """IExecutionContext."""

    def __init__(self, engine: "Engine", values: SimpleNamespace) -> None:
        self.engine, self.values, self.shapes, self.addresses = engine, values, {}, {}
        self.index: int | None = None
        self.scratch: tuple[int, int] | None = None
        self.prepared: Any = None
        self.captured: Any = None
        self.life = SimpleNamespace(state=0, over=False)  # state changes with whatever a graph relies on
        self.own: int | None = None
        engine.before_the_engine.add(self)

    def allocate(self) -> bool:
        """kSTATIC: "the maximum size across all profiles" (NvInferRuntime.h, ExecutionContextAllocationStrategy)."""
        if self.values.strategy is Strategy.STATIC:
            status, address = self.engine.driver.cuMemAlloc(self.engine.most_scratch)
            if status:
                self.engine.error("Requested amount of GPU memory could not be allocated.")
                return False
            self.own = address
        return True

    def __del__(self) -> None:
        self.life.over = True
        self.engine.end_context()
        if self.own is not None:
            self.engine.driver.cuMemFree(self.own)

    def set_optimization_profile_async(self, index: int, stream: int) -> bool:
        """It may copy on this stream (NvInferRuntime.h, of the same name), and a run has to come after that.

        A refusal is an exception (NVIDIA/TensorRT, python/src/infer/pyCore.cpp, PY_ASSERT_RUNTIME_ERROR in it).
        """
        if self.engine.contexts >= self.engine.most_with_a_profile:
            self.engine.error("no memory for the profile")
            raise RuntimeError("Error in set optimization profile async.")
        self.index, self.switched = index, (switched := SimpleNamespace(done=False))
        self.life.state += 1
        self.engine.driver.streams[stream].enqueue(lambda: setattr(switched, "done", True))
        return True

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        assert self.index is not None, "setOptimizationProfileAsync() must be called before setInputShape()"
        least, _, largest = self.engine.profile_shape(name, self.index)
        if not all(low <= n <= high for low, n, high in zip(least, shape, largest, strict=True)):
            self.engine.error(f"Static dimension mismatch: {name} {shape}\nmore")
            return False
        self.life.state += self.shapes.get(name) != shape
        self.shapes[name] = shape
        return True

    def update_device_memory_size_for_shapes(self) -> int:
        """0 if an error occurred; memory is to be given anew (NvInferRuntime.h, of the same name)."""
        self.engine.partitions += 1
        self.scratch = None
        self.life.state += 1
        if self.values.strategy is not Strategy.USER_MANAGED:
            self.engine.error("The context needs to be created with kUSER_MANAGED for runtime allocation size to work.")
            return 0
        if self.engine.refuses_sizes:
            self.engine.error("shapes are not known")
            return 0
        return SCRATCH_PER_PIXEL * int(np.prod(self.shapes["mask"]))

    def set_device_memory(self, address: int, size: int) -> None:
        if self.values.strategy is not Strategy.USER_MANAGED:
            self.engine.error("Context not created with user managed device memory, cannot set buffer")
            return
        self.life.state += self.scratch != (address, size)
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
        if capturing and self._captures():
            engine.faults.append("captured what captures itself")  # RTX CUDA Graphs: "stream already captured"
            return False
        if capturing and (refused or self.prepared != arrangement):
            engine.error("operation not permitted when stream is capturing")
            return False
        scratch = self._scratch(stream)
        if scratch is None:
            engine.error("IExecutionContext::setDeviceMemoryV2 should be called before enqueue/execute.")
            return False
        self._capture(arrangement)
        self.prepared = arrangement
        index, life, switched = self.index, self.life, self.switched

        def compute() -> None:
            assert not life.over, "the context is gone"
            assert switched.done, "the profile is exchanged on a stream that this one does not wait for"
            assert not capturing or life.state == arrangement[0], "a graph whose context was changed"
            assert scratch[1] >= SCRATCH_PER_PIXEL * int(np.prod(arrangement[1]["mask"]))
            assert driver.has(*scratch), "scratch memory was freed"
            engine.compute(index, *arrangement[1:])

        driver.streams[stream].enqueue(compute)
        return True

    def _scratch(self, stream: int) -> tuple[int, int] | None:
        """Of one stream: "using it in another execution context running in parallel" is undefined behaviour."""
        found = self.scratch if self.own is None else (self.own, self.engine.most_scratch)
        if found is not None:
            owner = self.engine.streams.setdefault(found[0], stream)
            assert owner == stream, "scratch memory of another stream"
        return found

    def _captures(self) -> bool:
        return self.values.cuda_graph_strategy is Graphs.WHOLE_GRAPH_CAPTURE

    def _capture(self, arrangement: Any) -> None:
        """RTX CUDA Graphs: not in the first iteration, not with every strategy of memory (kSTATIC is named as one)."""
        if not self._captures():
            return
        if self.values.strategy is not Strategy.STATIC:
            self.engine.faults.append("a context that is given its memory, or any shape, is to capture")
        elif self.prepared == arrangement:
            self.engine.replays += self.captured == arrangement
            self.captured = arrangement
