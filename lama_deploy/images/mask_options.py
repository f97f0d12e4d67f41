"""How a mask is read, where the rule of official code, above 0 is hole, is not what was meant."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict, get_args

from lama_deploy.errors import ImageError, brief
from lama_deploy.images.drawn import Box, BoxGiven, Point, PointGiven, shapes_of
from lama_deploy.images.grow import MOST_GROWTH

MaskFrom = Literal["auto", "alpha", "luminance"]
MaskAs = Literal["auto", "stored", "shown"]


class MaskKeywords(TypedDict, total=False):
    """`MaskOptions`, as a call takes them."""

    mask_threshold: float
    invert: bool
    mask_from: MaskFrom
    mask_as: MaskAs
    grow: int
    boxes: Sequence[BoxGiven]
    points: Sequence[PointGiven]


@dataclass(frozen=True, kw_only=True)
class MaskOptions:
    """The same for files, PIL, NumPy and torch.

    mask_threshold: what is brighter is hole, on the scale of bytes (0 to 254) whatever the mask's own depth: 16-bit
    values count as 257th parts, floats up to 1 as fractions of 255, other numbers as they are.
    invert: the other pixels are the hole.
    mask_from: "luminance" as official code, "alpha" (opaque is hole), or "auto": luminance unless it is the same all
    over and the transparency is not.
    mask_as: over the picture as its EXIF orientation "shown" it, or as it is "stored"; "auto": where only one fits,
    that; else shown for pictures, and stored for arrays. Boxes and points: "auto" is shown.
    grow: the hole, of the mask and drawn, grows by so many pixels on all sides, 0 to 1000.
    boxes: (x, y, width, height), points: (x, y, radius), both hole besides the mask's or without a mask. x and y count
    from the top left. Each number is of pixels, or a text: "80%" of the picture's width or height (of a radius: of the
    shorter one), "100%-200" 200 pixels less. `invert` is of the mask alone.
    Raises ImageError for anything else.
    """

    mask_threshold: float = 0
    invert: bool = False
    mask_from: MaskFrom = "auto"
    mask_as: MaskAs = "auto"
    grow: int = 0
    boxes: Sequence[BoxGiven] = ()
    points: Sequence[PointGiven] = ()

    def __post_init__(self) -> None:
        number = self.mask_threshold
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not _in_range(number):
            raise ImageError(f"mask_threshold is {brief(number)}; allowed: a number from 0 to below 255")
        if not isinstance(self.invert, bool):
            raise ImageError(f"invert is {brief(self.invert)}; allowed: True, False")
        for name, value, allowed in (("mask_from", self.mask_from, MaskFrom), ("mask_as", self.mask_as, MaskAs)):
            if value not in get_args(allowed):
                raise ImageError(f"{name} is {brief(value)}; allowed: {', '.join(get_args(allowed))}")
        if isinstance(self.grow, bool) or not isinstance(self.grow, int) or not 0 <= self.grow <= MOST_GROWTH:
            raise ImageError(f"grow is {brief(self.grow)}; allowed: an integer from 0 to {MOST_GROWTH}")
        self.shapes()

    def shapes(self) -> list[Box | Point]:
        """What is drawn besides the mask."""
        return shapes_of(self.boxes, self.points)

    def require_mask(self) -> None:
        """Raises ImageError where something is asked for that only a mask could give."""
        if not self.shapes():
            raise ImageError("there is neither a mask nor a box or point, so nothing says where the hole is")
        if self.invert:
            raise ImageError("invert is of a mask, and there is none; boxes and points are what is filled")


def _in_range(number: float) -> bool:
    return math.isfinite(number) and 0 <= number < 255


AS_OFFICIAL = MaskOptions()
