"""An opened engine with the lanes that compute in it, which go in the order that TensorRT wants."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue

from lama_deploy.errors import EngineError
from lama_deploy.tensorrt.context import RuntimeConfig
from lama_deploy.tensorrt.cuda_driver import Cuda
from lama_deploy.tensorrt.engine import OpenedEngine
from lama_deploy.tensorrt.lasting import never_free
from lama_deploy.tensorrt.stream import Lane


class Session:
    """Nobody else may hold `opened` or `config`. Calls from several threads are safe."""

    def __init__(self, opened: OpenedEngine, config: RuntimeConfig, cuda: Cuda) -> None:
        self._opened, self._config, self._cuda = opened, config, cuda
        self._count = 0
        self._lanes: SimpleQueue[Lane] = SimpleQueue()

    def add_lane(self, *, graphs: int) -> None:
        """Inside `with cuda.current()`."""
        self._lanes.put(Lane(self._opened, self._config, self._cuda, graphs=graphs))
        self._count += 1

    @contextmanager
    def lane(self) -> Iterator[Lane]:
        """One that no other call has, until the scope is left: the one that has waited longest."""
        lane = self._lanes.get()
        try:
            yield lane
        finally:
            self._lanes.put(lane)

    def save_kernels(self) -> None:
        self._config.save_kernels()

    def close(self) -> None:
        """Contexts, then configurations and cache, engine, runtime, while our context of CUDA is current.

        Where that is gone, as when the process ends, or a call has not returned, nothing is freed: TensorRT would try.
        """
        try:
            with self._cuda.current():
                if self._lanes.qsize() < self._count:
                    raise EngineError("a call has not returned")
                self.save_kernels()  # some are compiled in the background
                for _ in range(self._count):
                    self._lanes.get().close()
                self._config.close()
                del self._opened
        except EngineError:
            never_free(self)
