"""An execution context of an engine, which computes in scratch memory that it is given."""

from __future__ import annotations

from collections.abc import Mapping
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


@dataclass(frozen=True)
class RuntimeConfig:
    """An IRuntimeConfig for all contexts of an engine. cache: what TensorRT-RTX has compiled, if that is kept."""

    config: Any
    cache: RuntimeCacheFile | None = None

    def save_kernels(self) -> None:
        if self.cache is not None:
            self.cache.save()


def runtime_config(opened: OpenedEngine, *, kernels: Kernels, graphs: bool, cache: Path | None) -> RuntimeConfig:
    """The last three are of TensorRT-RTX: when it compiles for a shape, whether it captures CUDA graphs, its file."""
    trt, config = opened.trt, opened.engine.create_runtime_config()
    config.set_execution_context_allocation_strategy(trt.ExecutionContextAllocationStrategy.USER_MANAGED)
    if not opened.is_rtx:
        return RuntimeConfig(config)
    strategies = trt.DynamicShapesKernelSpecializationStrategy
    config.dynamic_shapes_kernel_specialization_strategy = getattr(strategies, kernels.upper())
    captures = trt.CudaGraphStrategy
    config.cuda_graph_strategy = captures.WHOLE_GRAPH_CAPTURE if graphs else captures.DISABLED
    return RuntimeConfig(config, RuntimeCacheFile.attached(config, cache) if cache else None)


class Context:
    """An IExecutionContext at one profile. For one thread at a time, on one stream."""

    def __init__(self, opened: OpenedEngine, config: RuntimeConfig, profile: EngineProfile, stream: int) -> None:
        self._opened, self._config, self._stream = opened, config, stream
        self._context = self._taken(opened.engine.create_execution_context(config.config), "make a context")
        # An exchange of profiles may copy on the stream that it is given; what is enqueued there later waits for it.
        self._taken(self._context.set_optimization_profile_async(profile.index, stream), f"take profile {profile}")

    def scratch_size(self, shapes: Shapes) -> int:
        """Set the inputs' shapes; return the bytes of scratch that these need."""
        for name, shape in shapes.items():
            self._taken(self._context.set_input_shape(name, shape), f"take {name} of {shape}")
        return int(self._context.update_device_memory_size_for_shapes())

    def bind(self, addresses: Mapping[str, int], scratch: Memory) -> None:
        """Where inputs, result and scratch lie, of the shapes of the last `scratch_size`."""
        self._context.set_device_memory(scratch.address, scratch.size)
        for name, address in addresses.items():
            self._taken(self._context.set_tensor_address(name, address), f"take the address of {name}")

    def enqueue(self) -> None:
        """Compute, as shapes and addresses were set."""
        self._taken(self._context.execute_async_v3(self._stream), "run")

    def _taken(self, answer: Any, action: str) -> Any:
        """None and False are how TensorRT says no."""
        if answer is None or answer is False:
            raise EngineError(f"{self._opened.trt.__name__} does not {action}: {self._opened.log.first_error()}")
        return answer
