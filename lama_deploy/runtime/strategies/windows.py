"""Windows of a picture: where they lie, and how they grow to what a model runs well."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lama_deploy.runtime.backend import Capabilities
from lama_deploy.shapes import Shape

BUCKET = 64  # pixels: sides are rounded up to it, so that engines which prepare for each shape see few of them


@dataclass(frozen=True)
class Window:
    """In pixels of the picture."""

    top: int
    left: int
    height: int
    width: int

    @property
    def place(self) -> tuple[slice, slice]:
        """Its index into an (H, W, ...) array."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    @property
    def size(self) -> tuple[int, int]:
        return self.height, self.width

    @property
    def bottom(self) -> int:
        return self.top + self.height

    @property
    def right(self) -> int:
        return self.left + self.width

    @property
    def pixels(self) -> int:
        return self.height * self.width

    @classmethod
    def around(cls, windows: Sequence[Window]) -> Window:
        """The smallest that holds them all."""
        top, left = min(one.top for one in windows), min(one.left for one in windows)
        return cls(top, left, max(one.bottom for one in windows) - top, max(one.right for one in windows) - left)

    def within(self, other: Window) -> Window:
        """Itself, seen from `other`, which holds it."""
        return Window(self.top - other.top, self.left - other.left, self.height, self.width)

    def meets(self, other: Window) -> bool:
        """Whether they have pixels in common."""
        rows = self.top < other.bottom and other.top < self.bottom
        return rows and self.left < other.right and other.left < self.right

    def grown(self, size: tuple[int, int], picture: tuple[int, int]) -> Window:
        """Of at least `size`, around the same middle but shifted inside the picture; no larger than it."""
        top, height = _grown(self.top, self.height, size[0], picture[0])
        left, width = _grown(self.left, self.width, size[1], picture[1])
        return Window(top, left, height, width)


@dataclass(frozen=True)
class Budget:
    """What one run may be given. limit: the side of a square, in pixels, that is as large as a window may be.

    pixels: for which there is memory, infinity for any.
    """

    limit: int
    pixels: float
    capabilities: Capabilities

    def rounded(self, window: Window, picture: tuple[int, int]) -> Window:
        """Grown to whole buckets, and to what the engine was made for where that is not much larger."""
        least = (min(self.capabilities.window, most) for most in self.tile())
        height, width = (_up(max(side, low)) for side, low in zip(window.size, least, strict=True))
        return window.grown(self._best((height, width)), picture)

    def holds(self, size: tuple[int, int]) -> bool:
        """Whether the engine takes (height, width) whole, and it is within limit and memory."""
        return self.takes(size) and size[0] * size[1] <= min(self.pixels, self.limit**2)

    def takes(self, size: tuple[int, int]) -> bool:
        """Whether the engine takes (height, width) whole, mirrored at its edges where it is too small."""
        shape: Shape = (1, *size)
        return all(got >= asked for got, asked in zip(self.capabilities.part_for(shape), shape, strict=True))

    def tile(self) -> tuple[int, int]:
        """The largest (height, width), nearly square, that it holds."""
        side = max(BUCKET, int(min(self.limit, math.sqrt(min(self.pixels, self.limit**2)))) // BUCKET * BUCKET)
        height, width = self.capabilities.part_for((1, side, side))[1:]
        return min(side, height), min(side, width)

    def _best(self, size: tuple[int, int]) -> tuple[int, int]:
        """The engine's own shape, which is prepared already, for windows that fill at least three quarters of it."""
        for one in self.capabilities.shapes:
            best = one.best[1:]
            if size[0] <= best[0] and size[1] <= best[1] and 4 * size[0] * size[1] >= 3 * best[0] * best[1]:
                return best
        nearest = self.capabilities.part_for((1, *size))[1:]
        return max(size[0], nearest[0]), max(size[1], nearest[1])


def _up(side: int) -> int:
    return -(-side // BUCKET) * BUCKET


def _grown(start: int, length: int, wanted: int, whole: int) -> tuple[int, int]:
    wanted = min(max(length, wanted), whole)
    start -= (wanted - length) // 2
    return min(max(0, start), whole - wanted), wanted
