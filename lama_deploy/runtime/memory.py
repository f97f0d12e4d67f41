"""Whether a picture's run fits into this process's memory, foretold before it is tried: a kill leaves no message.

The table is what `benchmarks/cpu/memory_growth.py` measured: the peak grows by so many bytes with every pixel, and that
grows with the width of the generator, whose first and last maps are the largest; blocks, kinds and weights add little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from threading import Condition

from lama_deploy.errors import DeviceMemoryError
from lama_deploy.process_memory import ProcessMemory, gib, process_memory
from lama_deploy.runtime.backend import Capabilities, Memory
from lama_deploy.shapes import Shape
from lama_deploy.variants import GeneratorConfig

MIB = 2**20
# (backend, precision) -> bytes of a process without weights, bytes a pixel, and for each of the generator's width.
GROWTH: Mapping[tuple[str, str], tuple[int, int, float]] = {
    ("torch", "fp32"): (320 * MIB, 230, 12),
}
WEIGHT_COPIES = 2  # what was read and what the engine made of it
UNKNOWN = 2**62  # bytes: where the system does not say, everything fits


def expected_memory(backend: str, config: GeneratorConfig | None, precision: str | None = "fp32") -> Memory | None:
    """The peak of a run on a CPU, by the names of `runtime.inpainter.BACKENDS`; None where nobody has measured it."""
    if config is None or (backend, precision or "fp32") not in GROWTH:
        return None
    base, least, by_width = GROWTH[backend, precision or "fp32"]
    return Memory(base + WEIGHT_COPIES * _weight_bytes(config), least + by_width * config.width)


def _weight_bytes(config: GeneratorConfig) -> int:
    """At most, in float32: as though every convolution went from all channels to all."""
    channels = [config.channels(level) for level in range(config.downsamplings + 1)]
    stages = sum(2 * 9 * a * b for a, b in pairwise(channels))
    return 4 * (stages + config.blocks * 2 * 9 * channels[-1] ** 2)


def require_run(capabilities: Capabilities, shape: Shape) -> None:
    """Raises DeviceMemoryError for pictures (N, H, W) that the process could not run even with nothing beside them."""
    if capabilities.part_for(shape) == shape:
        MemoryGuard(capabilities.memory).require(shape)


class MemoryGuard:
    """Of one model: lets a run begin where its memory is free, keeps it waiting while other threads' runs hold it."""

    def __init__(self, memory: Memory | None, current: Callable[[], ProcessMemory | None] = process_memory) -> None:
        """memory: of the model, None to let everything through. Made when the model is loaded and nothing runs."""
        self._memory, self._current = memory, current
        self._changed, self._running = Condition(), 0.0

    @contextmanager
    def reserved(self, shape: Shape) -> Iterator[None]:
        """Raises DeviceMemoryError where pictures (N, H, W) do not fit with nothing beside them."""
        if self._memory is None:
            yield
            return
        needed = self._memory.per_pixel * _pixels(shape)
        with self._changed:
            self.require(shape)
            while self._running and self._whole(self._running + needed) > self._room():
                self._changed.wait()
            self._running += needed
        try:
            yield
        finally:
            with self._changed:
                self._running -= needed
                self._changed.notify_all()

    def require(self, shape: Shape) -> None:
        """Raises DeviceMemoryError where they do not fit with nothing beside them."""
        if self._memory is None:
            return
        needed, room = self._whole(self._memory.per_pixel * _pixels(shape)), self._room()
        if needed > room:
            count, height, width = shape
            what = f"{width}x{height} pixels" if count == 1 else f"{count} pictures of {width}x{height} pixels"
            raise DeviceMemoryError(
                f"{what} take about {gib(needed)} of memory with this model, and there are {gib(room)} for it; make "
                "the picture smaller, use a backend or precision that takes less (--to openvino --int8 takes "
                "the least), or give the process more memory"
            )

    def _whole(self, running: float) -> int:
        assert self._memory is not None
        return int(self._memory.fixed + running)

    def _room(self) -> int:
        """What the process holds already counts as room: weights are in it, and engines keep what they took."""
        memory = self._current()
        return UNKNOWN if memory is None else memory.whole


def _pixels(shape: Shape) -> int:
    count, height, width = shape
    return count * height * width
