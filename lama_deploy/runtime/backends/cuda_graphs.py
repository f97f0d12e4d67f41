"""CUDA graphs of a network: one per input shape, replayed instead of some hundred kernel launches from Python."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

log = logging.getLogger(__name__)

Compute = Callable[[Tensor], Tensor]
WARM_UP = 3  # runs before a capture: cuDNN chooses algorithms, cuFFT makes plans, libraries take their workspaces


class Recorder(Protocol):
    """Makes the graphs of a network."""

    def capture(self, example: Tensor) -> Compute:
        """What computes for inputs of the example's shape; later calls leave its results alone. May raise RuntimeError.

        Calls of captured graphs must not overlap.
        """
        ...

    def finish(self) -> None:
        """Wait until no graph runs any more, so that graphs can be dropped."""
        ...


class GraphCache:
    """Computes by captured graphs, at most `size` of them; the least recently used makes room. Thread-safe.

    compute: the network itself, which takes over, with one warning in the log, where a capture fails.
    """

    def __init__(self, compute: Compute, recorder: Recorder, size: int) -> None:
        self._compute, self._recorder, self._size = compute, recorder, size
        self._graphs: OrderedDict[torch.Size, Compute] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, x: Tensor) -> Tensor:
        with self._lock:  # graphs have buffers of their own and share memory: one replay at a time
            replay = self._graph_for(x)
            if replay is not None:
                return replay(x)
        return self._compute(x)

    def _graph_for(self, x: Tensor) -> Compute | None:
        if x.shape not in self._graphs and self._size > 0:
            try:
                self._make_room()  # before the capture, which can then use the memory
                self._graphs[x.shape] = self._recorder.capture(x)
            except RuntimeError as error:
                self._give_up(x, error)
        if x.shape in self._graphs:
            self._graphs.move_to_end(x.shape)
        return self._graphs.get(x.shape)

    def _make_room(self) -> None:
        if len(self._graphs) >= self._size:
            self._recorder.finish()
            self._graphs.popitem(last=False)

    def _give_up(self, x: Tensor, error: RuntimeError) -> None:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        log.warning("no CUDA graph of %s (%s); running without graphs, right and slower", tuple(x.shape), reason)
        self._size = 0
        self._recorder.finish()
        self._graphs.clear()


class CudaRecorder:
    """A Recorder with a stream of its own for captures and replays, so that all graphs can share one memory pool."""

    def __init__(self, compute: Compute, device: torch.device) -> None:
        self._compute, self._device = compute, device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    @torch.inference_mode()
    def capture(self, example: Tensor) -> Compute:
        current = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(current):  # restored also where ending a failed capture raises
            self._stream.wait_stream(current)
            with torch.cuda.stream(self._stream):
                held = example.clone()
                for _ in range(WARM_UP):
                    self._compute(held)
            graph = torch.cuda.CUDAGraph()
            # thread_local: what other threads do meanwhile, such as reading a result back, is no part of the capture.
            with torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode="thread_local"):
                result = self._compute(held)
        return partial(self._replay, graph, held, result)

    def finish(self) -> None:
        self._stream.synchronize()

    @torch.inference_mode()
    def _replay(self, graph: torch.cuda.CUDAGraph, held: Tensor, result: Tensor, x: Tensor) -> Tensor:
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            held.copy_(x)
            graph.replay()
            copied = result.clone()
        current.wait_stream(self._stream)
        x.record_stream(self._stream)
        copied.record_stream(current)
        return copied
