"""Which of an engine's profiles runs a batch of pictures, whole or in parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Shape = tuple[int, int, int]  # pictures, height and width in pixels


@dataclass(frozen=True)
class EngineProfile:
    """Any shape from `least` to `largest` runs, in each dimension by itself; kernels were chosen for `best`."""

    index: int
    least: Shape
    best: Shape
    largest: Shape

    def nearest(self, shape: Shape) -> Shape:
        """The shape that this profile runs instead: itself where it fits."""
        bounds = zip(self.least, shape, self.largest, strict=True)
        pictures, height, width = (min(max(low, n), high) for low, n, high in bounds)
        return pictures, height, width

    def runs_for(self, shape: Shape) -> int:
        """How many parts of the largest shape cover it."""
        return math.prod(-(-n // high) for n, high in zip(shape, self.largest, strict=True))

    def __str__(self) -> str:
        return f"{_words(self.least)} to {_words(self.largest)}"


def fitting(profiles: Sequence[EngineProfile], shape: Shape) -> tuple[EngineProfile, Shape]:
    """The profile and the shape to run it at: `shape` where any profile takes it, of those the tightest.

    Otherwise what covers the shape in the fewest parts, and of such profiles the one that pads the least.
    """
    whole = [profile for profile in profiles if profile.nearest(shape) == shape]
    if whole:
        return min(whole, key=lambda profile: math.prod(profile.largest)), shape
    best = min(profiles, key=lambda profile: (profile.runs_for(shape), math.prod(profile.nearest(shape))))
    return best, best.nearest(shape)


def described(profiles: Sequence[EngineProfile]) -> str:
    """For messages."""
    return ", ".join(map(str, profiles))


def _words(shape: Shape) -> str:
    return f"{shape[1]}x{shape[2]}" + (f" (batch of {shape[0]})" if shape[0] > 1 else "")
