"""Pictures as they are, over any backend; what a backend cannot take so is mirrored or split."""

from __future__ import annotations

import logging
from threading import Lock

from lama_deploy.arrays import Array
from lama_deploy.runtime.backend import Backend, FixableBackend, is_fixable
from lama_deploy.runtime.memory import MemoryGuard
from lama_deploy.runtime.results import check_computed
from lama_deploy.runtime.strategies.parts import run_in_parts
from lama_deploy.shapes import Shape, described

SPARED = 0.9  # of the memory that there is: the rest is for what happens beside
log = logging.getLogger(__name__)


class Whole:
    """Runs a backend at any shape. Calls from several threads are as safe as the backend's own.

    Very large pictures run on a backend that is fixed to their shape, where it declares that this saves memory.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._fixed = _Fixed(backend) if is_fixable(backend) else None
        self._guard = MemoryGuard(backend.capabilities)
        self._said = set[str]()

    def most_pixels(self, wanted: Shape | None = None) -> float:
        """Of all pictures of a run, that memory has room for now, with a little to spare; infinity where unknown.

        wanted: as `MemoryGuard.most_pixels`.
        """
        return SPARED * self._guard.most_pixels(wanted)

    def run(self, images: Array, masks: Array) -> Array:
        """As Backend.run, with any number of pictures, and of any size up to what the backend takes.

        Raises DeviceMemoryError before it runs out of memory, EngineError for NaN, ImageError for larger pictures.
        """
        shape: Shape = (masks.shape[0], masks.shape[1], masks.shape[2])
        part = self._backend.capabilities.part_for(shape)
        if part == shape:
            return self._run(images, masks)
        self._say(_what_happens(shape, part), shape, part)
        return run_in_parts(self._run, images, masks, part)

    def _run(self, images: Array, masks: Array) -> Array:
        """What the backend takes."""
        least = self._backend.capabilities.fixed_from
        fixed = self._fixed if least is not None and masks.size >= least else None
        with self._guard.reserved((masks.shape[0], masks.shape[1], masks.shape[2])):
            return check_computed((fixed or self._backend).run(images, masks), images)

    def _say(self, what: str, shape: Shape, part: Shape) -> None:
        """Once of each kind: a folder of large photographs is no news with every one."""
        if what not in self._said:
            self._said.add(what)
            log.warning(
                "the engine takes no %d of %dx%d at once (it has %s): %s, in runs of %d of %dx%d; export with a "
                "--profile or --size for such pictures to have them whole",
                *shape, described(self._backend.capabilities.shapes), what, *part,
            )  # fmt: skip


class _Fixed:
    """A backend for the shape of its last pictures; one call at a time, since each holds the memory of large ones."""

    def __init__(self, backend: FixableBackend) -> None:
        self._backend = backend
        self._lock = Lock()
        self._shape: Shape | None = None
        self._fixed: Backend | None = None

    def run(self, images: Array, masks: Array) -> Array:
        shape: Shape = (masks.shape[0], masks.shape[1], masks.shape[2])
        with self._lock:
            if self._fixed is None or shape != self._shape:
                self._fixed = None  # its memory goes before the next one's comes
                self._fixed, self._shape = self._backend.fixed(shape), shape
            return self._fixed.run(images, masks)


def _what_happens(shape: Shape, part: Shape) -> str:
    return "the batch is filled up or split" if shape[1:] == part[1:] else "the picture is mirrored at its edges"
