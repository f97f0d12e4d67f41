"""Holes that are drawn by rectangles and discs, as who removes watermarks and objects has them, in place of a mask."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.errors import ImageError, brief, quoted
from lama_deploy.images.notes import Note

Given = int | float | str  # a length as a caller has it: pixels, or a text as of LENGTH
BoxGiven = tuple[Given, Given, Given, Given]
PointGiven = tuple[Given, Given, Given]
DECIMAL = r"\d{1,9}(?:\.\d{1,9})?"
LENGTH = re.compile(rf"(?:(-?{DECIMAL})%)?((?(1)[+-]|-?){DECIMAL})?")  # such as 30, 80% and 100%-200
MOST = 10**9
ALLOWED = "pixels (30), a share of the picture (80%), or both (100%-200)"
CUT = "a box or point reaches over the picture's edge, and what is outside of it is left out"


@dataclass(frozen=True)
class Length:
    """share: of a side of the picture. pixels: besides."""

    share: Fraction
    pixels: Fraction

    def of(self, side: int) -> Fraction:
        """In pixels, exactly, so that 80% and 20% of any side are all of it."""
        return self.share * side + self.pixels


@dataclass(frozen=True)
class Box:
    """text: as it was given, for messages."""

    text: str
    x: Length
    y: Length
    width: Length
    height: Length

    def fill(self, holes: Array) -> bool:
        """Whether any of it is outside. Every pixel that it touches is hole."""
        height, width = holes.shape
        across, down = _span(self.x, self.width, width), _span(self.y, self.height, height)
        if self.width.of(width) <= 0 or self.height.of(height) <= 0:
            raise ImageError(f"the box {self.text} has no width or no height in a picture of {width}x{height}")
        inside = slice(max(0, down[0]), max(0, down[1])), slice(max(0, across[0]), max(0, across[1]))
        if not holes[inside].size:
            raise _outside("box", self.text, holes)
        holes[inside] = 1
        return across[0] < 0 or down[0] < 0 or across[1] > width or down[1] > height


@dataclass(frozen=True)
class Point:
    """A disc around the centre of pixel x, y: pixels whose centre is at most `radius` away. text: as of a Box."""

    text: str
    x: Length
    y: Length
    radius: Length

    def fill(self, holes: Array) -> bool:
        """Whether any of it is outside. A share of the radius is one of the shorter side."""
        height, width = holes.shape
        x, y, radius = float(self.x.of(width)), float(self.y.of(height)), float(self.radius.of(min(height, width)))
        if radius < 0:
            raise ImageError(f"the point {self.text} has a radius below 0 in a picture of {width}x{height}")
        columns, rows = _around(x, radius, width), _around(y, radius, height)
        square = np.square(np.arange(columns.start, columns.stop) - x)
        disc = np.square(np.arange(rows.start, rows.stop) - y)[:, None] + square <= radius * radius
        if not disc.any():
            raise _outside("point", self.text, holes)
        holes[rows, columns] |= disc
        return x - radius < -0.5 or y - radius < -0.5 or x + radius > width - 0.5 or y + radius > height - 0.5


def drawn_on(height: int, width: int, shapes: Sequence[Box | Point], note: Note) -> Array:
    """(H, W) uint8, 1 in the hole. note: is told where one is cut at the edge.

    Raises ImageError where one is nowhere in the picture.
    """
    holes = np.zeros((height, width), np.uint8)
    for shape in shapes:
        if shape.fill(holes):
            note(CUT)
    return holes


def shapes_of(boxes: Sequence[BoxGiven], points: Sequence[PointGiven]) -> list[Box | Point]:
    """Of (x, y, width, height) and (x, y, radius); x and y count from the top left. Raises ImageError."""
    of_boxes = [Box(_text(box), *_lengths(box, 4, "boxes", "(x, y, width, height)")) for box in _listed(boxes, "boxes")]
    return of_boxes + [
        Point(_text(point), *_lengths(point, 3, "points", "(x, y, radius)")) for point in _listed(points, "points")
    ]


def is_length(text: str) -> bool:
    """Whether a box or point may have it."""
    return _of_text(text) is not None


def _listed(given: object, what: str) -> Sequence[object]:
    if not isinstance(given, Sequence | np.ndarray) or isinstance(given, str | bytes):
        raise ImageError(f"{what} is {brief(given)}; allowed: a list")
    return list(given)


def _lengths(given: object, count: int, what: str, form: str) -> list[Length]:
    values = None if isinstance(given, str | bytes) or not isinstance(given, Sequence | np.ndarray) else list(given)
    if values is None or len(values) != count:
        raise ImageError(f"{what} has {brief(given)}; allowed: {form}, each in {ALLOWED}")
    return [_length(value, what) for value in values]


def _length(value: object, what: str) -> Length:
    if isinstance(value, str):
        length = _of_text(value)
        if length is not None:
            return length
    elif isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number) and abs(number) <= MOST:
            return Length(Fraction(0), Fraction(number))
    raise ImageError(f"{what} has {quoted(value)}; allowed: {ALLOWED}")


def _of_text(text: str) -> Length | None:
    found = LENGTH.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        return None
    share, pixels = (Fraction(part or 0) for part in found.groups())
    return Length(share / 100, pixels)


def _span(start: Length, length: Length, side: int) -> tuple[int, int]:
    """The pixels [first, end) that it touches."""
    first = start.of(side)
    return math.floor(first), math.ceil(first + length.of(side))


def _around(middle: float, radius: float, side: int) -> slice:
    first = min(max(0, math.ceil(middle - radius)), side)
    return slice(first, max(first, min(side, math.floor(middle + radius) + 1)))


def _outside(what: str, text: str, holes: Array) -> ImageError:
    height, width = holes.shape
    return ImageError(f"the {what} {text} is outside of the picture, which is {width}x{height}")


def _text(given: object) -> str:
    values = list(given) if isinstance(given, Sequence | np.ndarray) else [given]
    return brief(",".join(str(value) for value in values[:4]), 60)
