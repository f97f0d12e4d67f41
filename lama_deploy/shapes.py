"""Which shapes an engine takes: ranges of them, and which one runs a batch of pictures, whole or in parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

Shape = tuple[int, int, int]  # pictures, height and width in pixels


@dataclass(frozen=True)
class ShapeRange:
    """Any shape from `least` to `largest` runs, in each dimension by itself; `best` is what it was made for."""

    least: Shape
    best: Shape
    largest: Shape

    def nearest(self, shape: Shape) -> Shape:
        """The shape of this range that runs instead: itself where it fits."""
        bounds = zip(self.least, shape, self.largest, strict=True)
        pictures, height, width = (min(max(low, n), high) for low, n, high in bounds)
        return pictures, height, width

    def runs_for(self, shape: Shape) -> int:
        """How many parts of the largest shape cover it."""
        return math.prod(-(-n // high) for n, high in zip(shape, self.largest, strict=True))

    def __str__(self) -> str:
        return f"{_words(self.least)} to {_words(self.largest)}"


Range = TypeVar("Range", bound=ShapeRange)


def fitting(ranges: Sequence[Range], shape: Shape) -> tuple[Range, Shape]:
    """The range and the shape to run it at: `shape` where any range takes it, of those the tightest.

    Otherwise what covers the shape in the fewest parts, and of such ranges the one that pads the least. ranges: at
    least one.
    """
    whole = [one for one in ranges if one.nearest(shape) == shape]
    if whole:
        return min(whole, key=lambda one: math.prod(one.largest)), shape
    best = min(ranges, key=lambda one: (one.runs_for(shape), math.prod(one.nearest(shape))))
    return best, best.nearest(shape)


def described(ranges: Sequence[ShapeRange]) -> str:
    """For messages."""
    return ", ".join(map(str, ranges))


def _words(shape: Shape) -> str:
    return f"{shape[1]}x{shape[2]}" + (f" (batch of {shape[0]})" if shape[0] > 1 else "")
