"""CUDA by cuda-python: memory, streams, events and graphs in the context that the caller computes in.

The context is the one that is current when `Cuda` is made, of torch, CuPy or PyCUDA, or else the primary one of the
device, which they share. So addresses of theirs and of ours are good in the same place.
"""

from __future__ import annotations

import ctypes
import math
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.bundle import MODEL
from lama_deploy.errors import DeviceMemoryError, EngineError
from lama_deploy.native.captures import CAPTURING

NON_BLOCKING, WITHOUT_TIMING = 1, 2  # CU_STREAM_NON_BLOCKING, CU_EVENT_DISABLE_TIMING
LEGACY_STREAM = 1  # the handle of CUDA's default stream, which waits for all others
OUT_OF_MEMORY, NOT_CAPTURING = 2, 0  # CUDA_ERROR_OUT_OF_MEMORY, CU_STREAM_CAPTURE_STATUS_NONE


class Memory:
    """`size` bytes on the device, freed with this object, which must outlive what runs on them."""

    def __init__(self, cuda: Cuda, size: int) -> None:
        self.size = size
        self.address = int(cuda.call("cuMemAlloc", max(1, size)))
        weakref.finalize(self, cuda.release, "cuMemFree", self.address)


class PinnedMemory:
    """`size` bytes of the host that the device reads and writes by itself, freed with this object, as `Memory` is.

    Copies to and from other memory of the host are not asynchronous: the driver makes the caller wait (CUDA Driver API,
    "API synchronization behavior"). They are all there is where none can be pinned, as in a container with a limit.
    """

    def __init__(self, cuda: Cuda, size: int) -> None:
        self.size = size
        try:
            self.address = int(cuda.call("cuMemHostAlloc", max(1, size), 0))
        except (EngineError, DeviceMemoryError):
            self._pageable = np.empty(max(1, size), np.uint8)
            self.address = self._pageable.ctypes.data
            return
        weakref.finalize(self, cuda.release, "cuMemFreeHost", self.address)

    def array(self, shape: tuple[int, ...], dtype: np.dtype[Any], offset: int = 0) -> Array:
        """A part of it, which is good for as long as this object is there."""
        size = math.prod(shape) * dtype.itemsize
        part = memoryview((ctypes.c_uint8 * size).from_address(self.address + offset)).cast("B")
        return np.frombuffer(part, dtype).reshape(shape)


class Cuda:
    """The driver, `cuda.bindings.driver`, on one device. Methods but `current` are for inside `with cuda.current():`.

    Raises EngineError: no driver or no such device here; later, whatever the driver refuses, which is a
    DeviceMemoryError where it has no memory.
    """

    def __init__(self, driver: Any, device: int | None = None) -> None:
        self._driver = driver
        try:
            self.call("cuInit", 0)
        except (RuntimeError, EngineError) as error:  # RuntimeError: how cuda-python says that there is no driver
            reason = str(error) if isinstance(error, EngineError) else "no driver is installed"
            raise EngineError(
                f"an engine needs an NVIDIA GPU, and there is none here ({reason}); the {MODEL} of its bundle runs "
                "in ONNX Runtime"
            ) from error
        found = None if device is not None else self._current_context()
        self._context = found or self._primary_context(device or 0)

    def call(self, name: str, *arguments: Any) -> Any:
        """A driver function's result, if it has one; a tuple of several."""
        status, *results = getattr(self._driver, name)(*arguments)
        if int(status):
            _, text = self._driver.cuGetErrorString(status)
            words = text.decode() if isinstance(text, bytes) else f"error {int(status)}"
            if int(status) == OUT_OF_MEMORY:
                raise DeviceMemoryError(f"CUDA's {name} failed: {words}; give it smaller or fewer pictures at once")
            raise EngineError(f"CUDA's {name} failed: {words}")
        return results[0] if len(results) == 1 else tuple(results) or None

    def release(self, name: str, handle: Any) -> None:
        """Call a function that frees, from a finalizer: whatever thread, whatever state the process is in.

        It waits for the device, which nobody may during a capture.
        """
        with CAPTURING:
            if not int(self._driver.cuCtxPushCurrent(self._context)[0]):  # fails once the process is being left
                getattr(self._driver, name)(handle)
                self._driver.cuCtxPopCurrent()

    @contextmanager
    def current(self) -> Iterator[None]:
        """This thread computes in our context; the one it had comes back."""
        self.call("cuCtxPushCurrent", self._context)
        try:
            yield
        finally:
            self.call("cuCtxPopCurrent")

    def device(self) -> dict[str, str]:
        """{"name": "NVIDIA H200", "compute_capability": "9.0"}."""
        device, attributes = self.call("cuCtxGetDevice"), self._driver.CUdevice_attribute
        name: bytes = self.call("cuDeviceGetName", 256, device)
        major, minor = (
            self.call("cuDeviceGetAttribute", attribute, device)
            for attribute in (
                attributes.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
                attributes.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
            )
        )
        return {"name": name.split(b"\0")[0].decode(), "compute_capability": f"{major}.{minor}"}

    def allocate(self, size: int) -> Memory:
        return Memory(self, size)

    def pinned(self, size: int) -> PinnedMemory:
        return PinnedMemory(self, size)

    def free_memory(self) -> int:
        """Bytes on the device that nobody has now."""
        free, _ = self.call("cuMemGetInfo")
        return int(free)

    def stream(self) -> int:
        """A stream of its own, never destroyed: a backend makes a few and keeps them."""
        return int(self.call("cuStreamCreate", NON_BLOCKING))

    def event(self) -> int:
        return int(self.call("cuEventCreate", WITHOUT_TIMING))

    def copy(self, target: int, source: int, size: int, stream: int) -> None:
        """On the device, or between it and the host, either way. Enqueued where that is `PinnedMemory`."""
        self.call("cuMemcpyAsync", target, source, size, stream)

    def order(self, first: int, then: int, event: int) -> None:
        """What is enqueued on stream `then` from now on waits for all that `first` holds now."""
        self.call("cuEventRecord", event, first)
        self.call("cuStreamWaitEvent", then, event, 0)

    def is_capturing(self, stream: int) -> bool:
        """Whether what is enqueued on it goes into a CUDA graph that somebody makes."""
        return int(self.call("cuStreamIsCapturing", stream)) != NOT_CAPTURING

    def synchronize(self, stream: int) -> None:
        self.call("cuStreamSynchronize", stream)

    def capture(self, stream: int, enqueue: Callable[[], None]) -> Graph:
        """What `enqueue` enqueues on `stream`, as a graph, not run. Other threads' calls are none of its business."""
        thread_local = self._driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        with CAPTURING:  # unless they wait for the device
            self.call("cuStreamBeginCapture", stream, thread_local)
            try:
                enqueue()
            except BaseException:
                self._driver.cuStreamEndCapture(stream)
                raise
            captured = self.call("cuStreamEndCapture", stream)
        try:
            return Graph(self, self.call("cuGraphInstantiate", captured, 0))
        finally:
            self.call("cuGraphDestroy", captured)

    def _current_context(self) -> Any:
        context = self.call("cuCtxGetCurrent")
        return context if context is not None and int(context) else None

    def _primary_context(self, device: int) -> Any:
        count = int(self.call("cuDeviceGetCount"))
        if device >= count:
            raise EngineError(f"device cuda:{device} is not there; this machine has {count} of them")
        return self.call("cuDevicePrimaryCtxRetain", self.call("cuDeviceGet", device))


class Graph:
    """An executable graph, destroyed with this object, which must outlive its launches' work."""

    def __init__(self, cuda: Cuda, handle: Any) -> None:
        self._cuda, self._handle = cuda, handle
        weakref.finalize(self, cuda.release, "cuGraphExecDestroy", handle)

    def launch(self, stream: int) -> None:
        self._cuda.call("cuGraphLaunch", self._handle, stream)
