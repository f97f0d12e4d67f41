"""Whether a picture's run fits into the memory that it may take, foretold before it is tried: a kill leaves no message.

A table foretells what surely fits; before anything larger runs, what its model takes here is measured (`measuring`).
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
from typing import Any

from lama_deploy.bundle import Bundle
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.errors import DeviceMemoryError
from lama_deploy.process_memory import ProcessMemory, gib, process_memory
from lama_deploy.runtime.backend import Capabilities, Memory, Recipe
from lama_deploy.runtime.device_memory import DeviceMemory
from lama_deploy.runtime.measuring import LARGEST, measured, memory_of
from lama_deploy.shapes import Shape
from lama_deploy.variants import GeneratorConfig

MIB = 2**20
WEIGHT_COPIES = 2  # what was read, and what the engine made of it
UNKNOWN = 2**62  # bytes: where the system does not say, everything fits
FAIR = 4  # a run that takes less than one such part of the room needs no measurement
# Of what nobody has measured: above all that has been. It decides whether to measure, and nothing else.
AT_MOST = Memory(fixed=0, per_pixel=3500.0)
ADVICE = (
    "run it by --strategy auto (or crop, resize or tile), which takes less at once, export the model by --to openvino "
    "--int8, which takes the least, or give the process more memory"
)


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


def estimated_memory(
    backend: str, bundle: Bundle | None, precision: str | None, config: GeneratorConfig | None = None
) -> Memory | None:
    """By what the bundle recorded, on whatever machine, else by the table. config: where there is no bundle."""
    recorded = memory_of(bundle.memory) if bundle else None
    return recorded or expected_memory(backend, bundle.config if bundle else config, precision)


def recipe_of(checkpoint: Checkpoint, options: Mapping[str, Any]) -> Recipe:
    """options: as `Recipe` has them."""
    return Recipe(str(checkpoint.path.absolute()), options, dict(checkpoint.assumed), checkpoint.sha256)


def require_run(capabilities: Capabilities, shape: Shape) -> None:
    """Raises DeviceMemoryError for pictures (N, H, W) that the process could not run even with nothing beside them."""
    if capabilities.part_for(shape) == shape:
        MemoryGuard(capabilities).require(shape)


class MemoryGuard:
    """Of one model: lets a run begin where its memory is free, keeps it waiting while other threads' runs hold it."""

    def __init__(self, capabilities: Capabilities, current: Callable[[], ProcessMemory | None] | None = None) -> None:
        """capabilities: of the model's backend; everything is let through where nothing tells what it takes."""
        self._estimate, self._recipe, self._fixed_from = (
            capabilities.memory,
            capabilities.recipe,
            capabilities.fixed_from,
        )
        on_device = capabilities.memory_of != "cpu"
        self._current = current or (DeviceMemory(capabilities.memory_of) if on_device else process_memory)
        self._changed, self._running = Condition(), 0

    @contextmanager
    def reserved(self, shape: Shape) -> Iterator[None]:
        """Raises DeviceMemoryError where pictures (N, H, W) do not fit with nothing beside them."""
        memory = self._taken(shape)
        needed = int(
            self._growth(memory, shape)
        )  # whole: a sum of floats may not come back to 0, and others wait for it
        self.require(shape)  # outside of the lock, since it may measure, and runs that end want it
        with self._changed:
            while self._running and not self._fits(memory, self._running + needed):
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
        memory = self._taken(shape)
        growth = self._growth(memory, shape)
        if memory is not None and not self._fits(memory, growth):
            count, height, width = shape
            what = f"{width}x{height} pixels" if count == 1 else f"{count} pictures of {width}x{height} pixels"
            raise DeviceMemoryError(
                f"{what} take about {gib(_whole(memory, growth))} of memory with this model, and there are "
                f"{gib(self._room())} for it; {ADVICE}"
            )

    def most_pixels(self, wanted: Shape | None = None) -> float:
        """How many, of all pictures together, a run may have now with nothing beside it; infinity where unknown.

        wanted: what is to be run, so that the model's memory is measured first where that may not fit.
        """
        memory = self._estimate if wanted is None else self._taken(wanted)
        if memory is None:
            return math.inf
        room = (self._room() - memory.fixed) / (1 + memory.residual)
        most = max(0.0, room / (memory.per_pixel + memory.per_picture))
        if self._fixed_from is not None and memory.per_pixel_fixed is not None:
            fixed = room / memory.per_pixel_fixed
            return fixed if fixed >= self._fixed_from else min(most, self._fixed_from - 1)
        return most

    def _taken(self, shape: Shape) -> Memory | None:
        """By the estimate, and by measurement where a run may take more than a fair part of the room by that."""
        estimate, room = self._estimate or AT_MOST, self._room()
        if self._recipe is None or self._growth(estimate, shape) <= (room - estimate.fixed) / FAIR:
            return self._estimate
        if room - self._held() < _whole(estimate, self._growth(estimate, LARGEST)):
            return self._estimate  # to measure takes memory too
        return measured(self._recipe) or self._estimate

    def _growth(self, memory: Memory | None, shape: Shape) -> float:
        """Bytes besides what the model takes for any picture."""
        if memory is None:
            return 0
        pixels = math.prod(shape)
        if self._fixed_from is not None and pixels >= self._fixed_from and memory.per_pixel_fixed is not None:
            return pixels * memory.per_pixel_fixed
        return pixels * memory.per_pixel + pixels / max(1, shape[0]) * memory.per_picture

    def _fits(self, memory: Memory | None, growth: float) -> bool:
        return memory is None or _whole(memory, growth) <= self._room()

    def _room(self) -> int:
        """What the process holds already counts as room: weights are in it, and engines keep what they took."""
        memory = self._current()
        return UNKNOWN if memory is None else memory.whole

    def _held(self) -> int:
        memory = self._current()
        return 0 if memory is None else memory.held


def _whole(memory: Memory, growth: float) -> int:
    """With as much more as runs were seen to take."""
    return int(memory.fixed + growth * (1 + memory.residual))


def _by_width(pixel: tuple[float, float], config: GeneratorConfig) -> float:
    least, each = pixel
    return least + each * config.width


def _weight_bytes(config: GeneratorConfig) -> int:
    """At most, in float32: as though every convolution went from all channels to all."""
    channels = [config.channels(level) for level in range(config.downsamplings + 1)]
    stages = sum(2 * 9 * a * b for a, b in pairwise(channels))
    return 4 * (stages + config.blocks * 2 * 9 * channels[-1] ** 2)
