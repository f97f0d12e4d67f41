"""Whether a picture's run fits into this process's memory, foretold before it is tried: a kill leaves no message.

The table is what `benchmarks/cpu/memory_growth.py` measured, rounded up: the peak grows by so many bytes with every
pixel, and these grow with the width of the generator, whose first and last maps are the largest. Blocks and kinds of
generators add little but their weights. Small pictures and threads take some megabytes more, which are in the base.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from threading import Condition

from lama_deploy.errors import DeviceMemoryError
from lama_deploy.process_memory import ProcessMemory, gib, process_memory
from lama_deploy.runtime.backend import Capabilities, Memory
from lama_deploy.shapes import Shape
from lama_deploy.variants import GeneratorConfig

MIB = 2**20
WEIGHT_COPIES = 2  # what was read, and what the engine made of it
UNKNOWN = 2**62  # bytes: where the system does not say, everything fits


@dataclass(frozen=True)
class Growth:
    """base: MiB of a process without weights. Bytes a pixel are (least, for each channel of the generator's width)."""

    base: int
    pixel: tuple[float, float]
    pixel_fixed: tuple[float, float] | None = None  # compiled for the picture's shape


# By backend and precision, of CPUs. Not here: what has not been measured, which is let through.
GROWTH: Mapping[tuple[str, str], Growth] = {
    ("torch", "fp32"): Growth(360, (260, 11)),
    ("cuda", "fp32"): Growth(360, (80, 10)),
    ("onnxruntime", "fp32"): Growth(140, (120, 24)),
    ("onnxruntime", "int8"): Growth(140, (100, 18)),
    ("openvino", "fp32"): Growth(200, (110, 20), (45, 6.9)),
    ("openvino", "fp16"): Growth(200, (110, 20), (45, 6.9)),  # at most: half of it where the CPU computes in fp16
    ("openvino", "bf16"): Growth(200, (110, 9.5), (50, 3.4)),
    ("openvino", "int8"): Growth(200, (230, 10.5), (50, 3.2)),
}


def expected_memory(backend: str, config: GeneratorConfig | None, precision: str | None = "fp32") -> Memory | None:
    """The peak of a run on a CPU, by the names of `runtime.opening.BACKENDS`; None where nobody has measured it."""
    growth = GROWTH.get((backend, precision or "fp32"))
    if config is None or growth is None:
        return None
    base = growth.base * MIB + WEIGHT_COPIES * _weight_bytes(config)
    fixed = None if growth.pixel_fixed is None else _by_width(growth.pixel_fixed, config)
    return Memory(base, _by_width(growth.pixel, config), fixed)


def require_run(capabilities: Capabilities, shape: Shape) -> None:
    """Raises DeviceMemoryError for pictures (N, H, W) that the process could not run even with nothing beside them."""
    if capabilities.part_for(shape) == shape:
        MemoryGuard(capabilities).require(shape)


class MemoryGuard:
    """Of one model: lets a run begin where its memory is free, keeps it waiting while other threads' runs hold it."""

    def __init__(
        self, capabilities: Capabilities, current: Callable[[], ProcessMemory | None] = process_memory
    ) -> None:
        """capabilities: of the model's backend; everything is let through where they do not say what it takes."""
        self._memory, self._fixed_from, self._current = capabilities.memory, capabilities.fixed_from, current
        self._changed, self._running = Condition(), 0.0

    @contextmanager
    def reserved(self, shape: Shape) -> Iterator[None]:
        """Raises DeviceMemoryError where pictures (N, H, W) do not fit with nothing beside them."""
        needed = self._growth(shape)
        with self._changed:
            self.require(shape)
            while self._running and not self._fits(self._running + needed):
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
        growth = self._growth(shape)
        if not self._fits(growth):
            count, height, width = shape
            what = f"{width}x{height} pixels" if count == 1 else f"{count} pictures of {width}x{height} pixels"
            raise DeviceMemoryError(
                f"{what} take about {gib(self._whole(growth))} of memory with this model, and there are "
                f"{gib(self._room())} for it; make the picture smaller, use a backend or precision that takes less "
                "(--to openvino --int8 takes the least), or give the process more memory"
            )

    def most_pixels(self) -> float:
        """How many, of all pictures together, a run may have now with nothing beside it; infinity where unknown."""
        if self._memory is None:
            return math.inf
        room = self._room() - self._memory.fixed
        most = max(0.0, room / self._memory.per_pixel)
        if self._fixed_from is not None and self._memory.per_pixel_fixed is not None:
            fixed = room / self._memory.per_pixel_fixed
            return fixed if fixed >= self._fixed_from else min(most, self._fixed_from - 1)
        return most

    def _growth(self, shape: Shape) -> float:
        """Bytes besides what the model takes for any picture."""
        if self._memory is None:
            return 0
        count, height, width = shape
        pixels, per_pixel = count * height * width, self._memory.per_pixel
        if self._fixed_from is not None and pixels >= self._fixed_from:
            per_pixel = per_pixel if self._memory.per_pixel_fixed is None else self._memory.per_pixel_fixed
        return pixels * per_pixel

    def _fits(self, growth: float) -> bool:
        return self._memory is None or self._whole(growth) <= self._room()

    def _whole(self, growth: float) -> int:
        return int(growth) + (0 if self._memory is None else self._memory.fixed)

    def _room(self) -> int:
        """What the process holds already counts as room: weights are in it, and engines keep what they took."""
        memory = self._current()
        return UNKNOWN if memory is None else memory.whole


def _by_width(pixel: tuple[float, float], config: GeneratorConfig) -> float:
    least, each = pixel
    return least + each * config.width


def _weight_bytes(config: GeneratorConfig) -> int:
    """At most, in float32: as though every convolution went from all channels to all."""
    channels = [config.channels(level) for level in range(config.downsamplings + 1)]
    stages = sum(2 * 9 * a * b for a, b in pairwise(channels))
    return 4 * (stages + config.blocks * 2 * 9 * channels[-1] ** 2)
