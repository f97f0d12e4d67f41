"""The hole of a picture from all that says where it is: a mask, boxes, points, and how far it grows."""

from __future__ import annotations

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.images.drawn import drawn_on
from lama_deploy.images.grow import grown
from lama_deploy.images.mask_notes import MOST
from lama_deploy.images.mask_options import MaskOptions
from lama_deploy.images.notes import Note
from lama_deploy.images.placing import STORED_FROM_SHOWN, shown_size

FULL = "the hole, with what is drawn and grown, is more than 95% of the picture"


def whole_hole(
    masked: Array | None, options: MaskOptions, stored: tuple[int, int], orientation: int, note: Note
) -> Array:
    """(H, W) uint8 of the picture's stored size, 1 in the hole. masked: the same of the mask alone, None for none.

    orientation: EXIF's. note: is told where that makes a hole of nearly everything. Raises ImageError where there is
    neither mask nor box, and where one is outside of the picture.
    """
    if masked is None:
        options.require_mask()
    drawn = _drawn(options, stored, orientation, note)
    holes = drawn if masked is None else masked | drawn if drawn is not None else masked
    assert holes is not None
    holes = grown(np.ascontiguousarray(holes), options.grow)
    if holes is not masked and holes.mean() > MOST and (masked is None or masked.mean() <= MOST):
        note(FULL)
    return holes


def _drawn(options: MaskOptions, stored: tuple[int, int], orientation: int, note: Note) -> Array | None:
    """Over the picture as it is shown, unless they are said to be of its stored pixels."""
    shapes = options.shapes()
    if not shapes:
        return None
    if options.mask_as == "stored":
        return drawn_on(*stored, shapes, note)
    holes = drawn_on(*shown_size(*stored, orientation), shapes, note)
    turn = STORED_FROM_SHOWN.get(orientation)
    return holes if turn is None else turn(holes)
