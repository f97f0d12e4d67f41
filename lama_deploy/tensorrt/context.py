"""An execution context of an engine, which computes in scratch memory that it is given, or has of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lama_deploy.errors import EngineError
from lama_deploy.tensorrt.cuda_driver import Memory
from lama_deploy.tensorrt.engine import OpenedEngine
from lama_deploy.tensorrt.kernel_cache import RuntimeCacheFile
from lama_deploy.tensorrt.profiles import EngineProfile

Kernels = Literal["lazy", "eager", "none"]
Shapes = Mapping[str, tuple[int, ...]]


@dataclass
class RuntimeConfig:
    """The IRuntimeConfigs of an engine's contexts, to be dropped before the engine: not all bindings keep it alive.

    shared: of contexts for any shape, in scratch memory that they are given. capturing: of contexts for one shape that
    capture by themselves, in memory of their own; None but for TensorRT-RTX. cache: what that has compiled, if it is
    kept.
    """

    shared: Any
    capturing: Any = None
    cache: RuntimeCacheFile | None = None

    def save_kernels(self) -> None:
        if self.cache is not None:
            self.cache.save()

    def close(self) -> None:
        self.shared = self.capturing = self.cache = None


def runtime_config(opened: OpenedEngine, *, kernels: Kernels, graphs: bool, cache: Path | None) -> RuntimeConfig:
    """The last three are of TensorRT-RTX: when it compiles for a shape, whether it captures CUDA graphs, its file.

    TensorRT-RTX does not capture with every way to allocate, and names kSTATIC as one to capture with (its guide,
    "Working with RTX CUDA Graphs", Limitations). It captures what a context runs at a shape and addresses, and anew
    when these change, so contexts for any shape do not capture.
    """
    trt, config = opened.trt, RuntimeConfig(opened.engine.create_runtime_config())
    strategies = trt.ExecutionContextAllocationStrategy
    config.shared.set_execution_context_allocation_strategy(strategies.USER_MANAGED)
    if not opened.is_rtx:
        return config
    config.shared.cuda_graph_strategy = trt.CudaGraphStrategy.DISABLED
    if graphs:
        config.capturing = opened.engine.create_runtime_config()
        config.capturing.set_execution_context_allocation_strategy(strategies.STATIC)
        config.capturing.cuda_graph_strategy = trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
    both = [one for one in (config.shared, config.capturing) if one is not None]
    for one in both:
        specialization = trt.DynamicShapesKernelSpecializationStrategy
        one.dynamic_shapes_kernel_specialization_strategy = getattr(specialization, kernels.upper())
    config.cache = RuntimeCacheFile.attached(both, cache) if cache else None
    return config


class Context:
    """An IExecutionContext at one profile. For one thread at a time, on one stream."""

    _making = threading.Lock()  # no header says that an engine makes contexts for several threads at once

    def __init__(
        self,
        opened: OpenedEngine,
        config: RuntimeConfig,
        profile: EngineProfile,
        stream: int,
        *,
        capturing: bool = False,
    ) -> None:
        """capturing: as `config.capturing` has it."""
        self._opened, self._profile, self._stream = opened, profile, stream
        self._own_memory = capturing
        self._shapes: Shapes | None = None  # that it has
        self._needed = 0
        self._scratch: tuple[int, int] | None = None  # that it has for them
        with self._making:
            create = opened.engine.create_execution_context
            self._context = self._call("make a context", create, config.capturing if capturing else config.shared)
        # An exchange of profiles may copy on the stream that it is given, which has to be the one to run on, or in
        # order with it (NvInferRuntime.h, setOptimizationProfileAsync).
        switch = self._context.set_optimization_profile_async
        self._call(f"take profile {profile}", switch, profile.index, stream)

    def scratch_size(self, shapes: Shapes) -> int:
        """Take the shapes of the inputs; return the bytes of scratch that `bind` needs, 0 where it has its own."""
        if shapes == self._shapes:
            return self._needed
        self._shapes = self._scratch = None  # until all of it is taken
        for name, shape in shapes.items():
            self._call(f"take {name} of {shape}", self._context.set_input_shape, name, shape)
        self._needed = 0 if self._own_memory else self._asked_size()
        self._shapes = dict(shapes)
        return self._needed

    def bind(self, addresses: Mapping[str, int], scratch: Memory | None) -> None:
        """Where inputs, result and scratch lie, of the shapes of the last `scratch_size`."""
        if scratch is not None and self._scratch != (scratch.address, scratch.size):
            self._scratch = None
            self._call("take scratch memory", self._given_scratch, scratch)
            self._scratch = scratch.address, scratch.size
        for name, address in addresses.items():
            self._call(f"take the address of {name}", self._context.set_tensor_address, name, address)

    def enqueue(self) -> None:
        """Compute, as shapes and addresses were set."""
        self._call("run", self._context.execute_async_v3, self._stream)

    def close(self) -> None:
        """Before the engine goes, which it then does not hold any more, and when nothing of it runs."""
        del self._context, self._opened

    def _asked_size(self) -> int:
        """0 is said for an error (NvInferRuntime.h, updateDeviceMemorySizeForShapes): then the profile's bound."""
        with self._opened.log.listening():
            needed = int(self._context.update_device_memory_size_for_shapes())
        return needed or int(self._opened.engine.get_device_memory_size_for_profile_v2(self._profile.index))

    def _given_scratch(self, scratch: Memory) -> bool:
        """Whether TensorRT had nothing against it, which it has no answer to say with."""
        with self._opened.log.listening() as said:
            self._context.set_device_memory(scratch.address, scratch.size)
        return not said.errors

    def _call(self, action: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """None and False are how TensorRT says no, and its reason is what it says meanwhile.

        The bindings make a RuntimeError of some, without the reason (NVIDIA/TensorRT, python/src/infer/pyCore.cpp,
        context_set_optimization_profile_async).
        """
        with self._opened.log.listening() as said:
            try:
                answer = function(*arguments)
            except RuntimeError:
                answer = None
        if answer is None or answer is False:
            raise EngineError(f"{self._opened.trt.__name__} does not {action}: {said.first_error()}")
        return answer
