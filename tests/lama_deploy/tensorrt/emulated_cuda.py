"""CUDA's driver without a GPU, as hostile as one may be: nothing that is enqueued happens before somebody waits for it.

Device memory is the host's, at addresses that are good nowhere but inside an allocation. A stream is a queue; its work
is done when it is synchronised, or when a stream that waits for it is. Work on freed memory fails.
"""
# ruff: noqa: N802 (CUDA's names)

import ctypes
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

OUT_OF_MEMORY, DEINITIALIZED, NO_DEVICE, INVALID_CONTEXT, CAPTURE_UNSUPPORTED = 2, 4, 100, 201, 900
TEXTS = {
    OUT_OF_MEMORY: b"out of memory",
    NO_DEVICE: b"no CUDA-capable device is detected",
    INVALID_CONTEXT: b"invalid device context",
}
Work = Callable[[], None]


@dataclass
class Stream:
    work: list[Work] = field(default_factory=list)
    done: int = 0
    captured: list[Work] | None = None

    def finish(self, until: int | None = None) -> None:
        while self.done < (len(self.work) if until is None else until):
            self.done += 1
            self.work[self.done - 1]()

    def enqueue(self, work: Work) -> None:
        (self.work if self.captured is None else self.captured).append(work)


class EmulatedDriver:
    """What `Cuda` calls of cuda.bindings.driver. devices: 0 for a machine without a GPU."""

    CUdevice_attribute = SimpleNamespace(
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR=75, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR=76
    )
    CUstreamCaptureMode = SimpleNamespace(CU_STREAM_CAPTURE_MODE_THREAD_LOCAL=1)

    def __init__(self, devices: int = 1) -> None:
        self.devices = devices
        self.memory: dict[int, np.ndarray] = {}
        self.pinned: dict[int, np.ndarray] = {}
        self.size = 10**9  # bytes of memory on the device
        self.gone = False  # as when the process ends
        self.streams: dict[int, Stream] = {1: Stream()}
        self.graphs: dict[int, list[Work]] = {}
        self.copies = 0
        self.pageable = 0  # copies of which one end is neither on the device nor pinned
        self.pins = True
        self._events: dict[int, tuple[int, int]] = {}
        self._handles: Iterator[int] = iter(range(100, 10**9))
        self._contexts = threading.local()
        self._capturing = threading.local()  # captures are the business of their own thread
        self._freed: list[np.ndarray] = []  # kept, so that no new allocation gets a freed address
        self._working = threading.RLock()

    def used(self) -> int:
        return sum(map(len, list(self.memory.values())))

    def cuInit(self, flags: int) -> tuple[int]:
        return (0 if self.devices else NO_DEVICE,)

    def cuGetErrorString(self, status: int) -> tuple[int, bytes]:
        return 0, TEXTS.get(status, b"emulated error")

    def cuDeviceGetCount(self) -> tuple[int, int]:
        return 0, self.devices

    def cuDeviceGet(self, ordinal: int) -> tuple[int, int]:
        return 0, ordinal

    def cuDevicePrimaryCtxRetain(self, device: int) -> tuple[int, int]:
        return 0, 7000 + device

    def cuCtxGetDevice(self) -> tuple[int, int]:
        return 0, self.stack[-1] - 7000

    def cuDeviceGetName(self, length: int, device: int) -> tuple[int, bytes]:
        return 0, b"Emulated GPU".ljust(length, b"\0")

    def cuDeviceGetAttribute(self, attribute: int, device: int) -> tuple[int, int]:
        return 0, {75: 9, 76: 0}[attribute]

    @property
    def stack(self) -> list[int]:
        if not hasattr(self._contexts, "stack"):
            self._contexts.stack = []
        stack: list[int] = self._contexts.stack
        return stack

    def cuCtxGetCurrent(self) -> tuple[int, int]:
        return 0, self.stack[-1] if self.stack else 0

    def cuCtxPushCurrent(self, context: int) -> tuple[int]:
        if self.gone:
            return (DEINITIALIZED,)
        self.stack.append(context)
        return (0,)

    def cuCtxPopCurrent(self) -> tuple[int, int]:
        return 0, self.stack.pop()

    def cuMemAlloc(self, size: int) -> tuple[int, int]:
        if status := self._refusal() or self._lack(size):
            return status, 0
        return 0, _allocated(self.memory, size)

    def cuMemFree(self, address: int) -> tuple[int]:
        return self._free(self.memory, address)

    def cuMemHostAlloc(self, size: int, flags: int) -> tuple[int, int]:
        if status := self._refusal() or (0 if self.pins else OUT_OF_MEMORY):
            return status, 0
        return 0, _allocated(self.pinned, size)

    def cuMemFreeHost(self, address: int) -> tuple[int]:
        return self._free(self.pinned, address)

    def cuMemGetInfo(self) -> tuple[int, int, int]:
        return self._refusal(), self.size - self.used(), self.size

    def cuMemcpyAsync(self, target: int, source: int, size: int, stream: int) -> tuple[int]:
        """Of pinned memory alone is it asynchronous (CUDA Driver API, "API synchronization behavior")."""
        if status := self._refusal(capturing=True):
            return (status,)
        self.copies += 1
        known = [address for address in (target, source) if self._reaches(address, size)]
        self.pageable += 2 - len(known)
        staged = None if source in known else ctypes.string_at(source, size)

        def copy() -> None:
            assert all(self._reaches(address, size) for address in known), "copied from or to freed memory"
            ctypes.memmove(target, source if staged is None else staged, size)

        self.streams[stream].enqueue(copy)
        return (0,)

    def _reaches(self, address: int, size: int) -> bool:
        return self.has(address, size) or _holds(self.pinned, address, size)

    def has(self, address: int, size: int) -> bool:
        return _holds(self.memory, address, size)

    def cuStreamCreate(self, flags: int) -> tuple[int, int]:
        if status := self._refusal():
            return status, 0
        self.streams[handle := next(self._handles)] = Stream()
        return 0, handle

    def cuStreamSynchronize(self, stream: int) -> tuple[int]:
        if status := self._refusal():
            return (status,)
        self._finish(self.streams[stream])
        return (0,)

    def cuStreamIsCapturing(self, stream: int) -> tuple[int, int]:
        return 0, int(self.streams[stream].captured is not None)

    def cuEventCreate(self, flags: int) -> tuple[int, int]:
        return self._refusal(), next(self._handles)

    def cuEventRecord(self, event: int, stream: int) -> tuple[int]:
        self._events[event] = stream, len(self.streams[stream].work)
        return (self._refusal(),)

    def cuStreamWaitEvent(self, stream: int, event: int, flags: int) -> tuple[int]:
        other, until = self._events[event]
        self.streams[stream].enqueue(lambda: self.streams[other].finish(until))
        return (self._refusal(),)

    def cuStreamBeginCapture(self, stream: int, mode: int) -> tuple[int]:
        status = self._refusal()
        self.streams[stream].captured, self._capturing.stream = [], stream
        return (status,)

    def cuStreamEndCapture(self, stream: int) -> tuple[int, Any]:
        captured, self.streams[stream].captured = self.streams[stream].captured, None
        del self._capturing.stream
        return 0, captured

    def cuGraphInstantiate(self, captured: list[Work], flags: int) -> tuple[int, int]:
        self.graphs[handle := next(self._handles)] = list(captured)
        return 0, handle

    def cuGraphDestroy(self, captured: list[Work]) -> tuple[int]:
        return (0,)

    def cuGraphExecDestroy(self, graph: int) -> tuple[int]:
        del self.graphs[graph]
        return (0,)

    def cuGraphLaunch(self, graph: int, stream: int) -> tuple[int]:
        for work in self.graphs[graph]:
            self.streams[stream].enqueue(work)
        return (self._refusal(),)

    def _free(self, blocks: dict[int, np.ndarray], address: int) -> tuple[int]:
        if status := self._refusal():
            return (status,)
        for stream in self.streams.values():  # as CUDA does
            self._finish(stream)
        self._freed.append(blocks.pop(address))
        return (0,)

    def _lack(self, size: int) -> int:
        return OUT_OF_MEMORY if self.used() + size > self.size else 0

    def _finish(self, stream: Stream) -> None:
        with self._working:
            stream.finish()

    def _refusal(self, *, capturing: bool = False) -> int:
        """Of a thread without a context; of calls that may not come between the beginning and end of a capture."""
        if not self.stack:
            return INVALID_CONTEXT
        return CAPTURE_UNSUPPORTED if hasattr(self._capturing, "stream") and not capturing else 0


def _allocated(blocks: dict[int, np.ndarray], size: int) -> int:
    """Its address, as CUDA aligns it. What is in it is nobody's picture."""
    block = np.full(size + 256, 0xA5, np.uint8)
    block = block[-block.ctypes.data % 256 :][:size]
    blocks[block.ctypes.data] = block
    return int(block.ctypes.data)


def _holds(blocks: dict[int, np.ndarray], address: int, size: int) -> bool:
    """Whether one of them does."""
    return any(start <= address and address + size <= start + len(block) for start, block in list(blocks.items()))
