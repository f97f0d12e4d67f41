"""CUDA graphs of a network: one per input shape, replayed instead of some hundred kernel launches from Python."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from lama_deploy.errors import KernelError
from lama_deploy.model.exact_float32 import exact_float32
from lama_deploy.model.fused.beside import second_stream
from lama_deploy.native.captures import CAPTURING, kept
from lama_deploy.native.library import KernelMemoryError

log = logging.getLogger(__name__)

Compute = Callable[[Tensor], Tensor]
WARM_UP = 3  # runs before a capture: cuDNN chooses algorithms, cuFFT makes plans, libraries take their workspaces


class Recorder(Protocol):
    """Makes the graphs of a network."""

    def capture(self, example: Tensor) -> Compute:
        """What computes for inputs of the example's shape; later calls leave its results alone.

        Calls of captured graphs must not overlap. May raise RuntimeError and KernelError.
        """
        ...

    def finish(self) -> None:
        """Wait until no graph runs any more, so that graphs can be dropped."""
        ...


class GraphCache:
    """Computes by captured graphs, at most `size` of them; the least recently used makes room. Thread-safe.

    compute: the network itself, which takes over, with one warning in the log, for a shape whose capture fails twice;
    where no capture has ever succeeded, for all shapes, unless it was memory that it lacked.
    """

    def __init__(self, compute: Compute, recorder: Recorder, size: int) -> None:
        self._compute, self._recorder, self._size = compute, recorder, size
        self._graphs: OrderedDict[torch.Size, Compute | None] = OrderedDict()  # None: it cannot be captured
        self._lock = threading.Lock()

    def __call__(self, x: Tensor) -> Tensor:
        with self._lock:  # graphs have buffers of their own and share memory: one replay at a time
            replay = self._graph_for(x)
            if replay is not None:
                return replay(x)
        return self._compute(x)

    def _graph_for(self, x: Tensor) -> Compute | None:
        if x.shape not in self._graphs and self._size > 0:
            self._make_room()  # before the capture, which can then use the memory
            self._graphs[x.shape] = self._captured(x)
        if x.shape in self._graphs:
            self._graphs.move_to_end(x.shape)
        return self._graphs.get(x.shape)

    def _make_room(self) -> None:
        if len(self._graphs) >= self._size:
            self._recorder.finish()
            self._graphs.popitem(last=False)

    def _captured(self, x: Tensor) -> Compute | None:
        for last in (False, True):
            try:
                return self._recorder.capture(x)
            except (RuntimeError, KernelError) as error:  # the first may be another's doing, who waited for the device
                self._recorder.finish()
                if last:
                    self._give_up(x, error)
        return None

    def _give_up(self, x: Tensor, error: Exception) -> None:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        log.warning("no CUDA graph of %s (%s); running without graphs, right and slower", tuple(x.shape), reason)
        too_large = isinstance(error, (torch.OutOfMemoryError, KernelMemoryError))  # says nothing of smaller shapes
        if not too_large and not any(self._graphs.values()):
            self._size = 0


@dataclass(frozen=True)
class Captured:
    """A graph, its buffers, and `read`: what else must not go before the graph does."""

    graph: torch.cuda.CUDAGraph
    input: Tensor
    result: Tensor
    read: set[object]


class CudaRecorder:
    """A Recorder with a stream of its own for captures and replays, so that all graphs can share one memory pool.

    What it captures is exact float32, by the algorithms that cuDNN finds to be the fastest.
    """

    def __init__(self, compute: Compute, device: torch.device) -> None:
        self._compute, self._device = compute, device
        self._stream, self._second = (torch.cuda.Stream(device) for _ in range(2))  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    @torch.inference_mode()
    def capture(self, example: Tensor) -> Compute:
        current = torch.cuda.current_stream(self._device)
        # Switches before CAPTURING, as in a forward that meets a new plan: two locks in one order. The current stream
        # is restored also where ending a failed capture raises.
        with exact_float32(search=True), torch.cuda.stream(current), second_stream(self._second):
            self._stream.wait_stream(current)
            with torch.cuda.stream(self._stream):
                held = example.clone()
                for _ in range(WARM_UP):
                    self._compute(held)
            graph = torch.cuda.CUDAGraph()
            # thread_local: what other threads do meanwhile, such as reading a result back, is no part of the capture.
            recording = torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode="thread_local")
            with CAPTURING, kept() as read, self._left_where_it_fails(), recording:
                result = self._compute(held)
        return partial(self._replay, Captured(graph, held, result, read))

    def finish(self) -> None:
        self._stream.synchronize()

    @contextmanager
    def _left_where_it_fails(self) -> Iterator[None]:
        """The next capture gets another pool, and PyTorch's allocator knows that none is under way any more.

        PyTorch up to 2.11 leaves a pool as one that is recorded into where ending the capture fails
        (CUDAGraph::capture_end). Then it takes no other capture into that pool, and as long as it believes in a capture
        it gives no memory back that another stream has read.
        """
        try:
            yield
        except BaseException:
            with suppress(AttributeError, RuntimeError):  # an older name; where it has left the pool by itself
                torch._C._cuda_endAllocateToPool(self._device.index, self._pool)
            self._pool = torch.cuda.graph_pool_handle()
            raise

    @torch.inference_mode()
    def _replay(self, captured: Captured, x: Tensor) -> Tensor:
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            captured.input.copy_(x)
            captured.graph.replay()
            copied = captured.result.clone()
        current.wait_stream(self._stream)
        x.record_stream(self._stream)
        copied.record_stream(current)
        return copied
