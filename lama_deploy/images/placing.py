"""A mask drawn over a picture as it is shown, or as its pixels are stored: the same unless EXIF turns the picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.errors import ImageError
from lama_deploy.images.mask_options import MaskAs
from lama_deploy.images.notes import Note

ORIENTATION = 0x0112  # EXIF tag
SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that make height of width
# From how a picture is shown to how its pixels are stored, by EXIF orientation; of the last two axes.
STORED_FROM_SHOWN: Mapping[int, Callable[[Array], Array]] = {
    2: lambda a: a[..., ::-1],
    3: lambda a: a[..., ::-1, ::-1],
    4: lambda a: a[..., ::-1, :],
    5: lambda a: a.swapaxes(-1, -2),
    6: lambda a: np.rot90(a, 1, (-2, -1)),
    7: lambda a: a[..., ::-1, ::-1].swapaxes(-1, -2),
    8: lambda a: np.rot90(a, 3, (-2, -1)),
}
BOTH_FIT = (
    "EXIF turns the picture, and the mask fits it as it is shown and as it is stored; taken as {taken} "
    "(mask-as {other} takes the other)"
)


def shown_size(height: int, width: int, orientation: int) -> tuple[int, int]:
    """(height, width) in which a picture of that stored size is shown."""
    return (width, height) if orientation in SIDEWAYS else (height, width)


def check_mask_size(mask: tuple[int, int], stored: tuple[int, int], orientation: int, mask_as: MaskAs) -> None:
    """(height, width) each. Raises ImageError where the mask fits no way that mask_as allows."""
    shown = shown_size(*stored, orientation)
    allowed = {"stored": (stored,), "shown": (shown,), "auto": (shown, stored)}[mask_as]
    if mask not in allowed:
        raise ImageError(
            f"the mask is {mask[1]}x{mask[0]}, the image {allowed[0][1]}x{allowed[0][0]}"
            f"{'' if mask_as == 'auto' else f' as it is {mask_as}'}; both must have the same size"
        )


def as_stored(
    holes: Array, stored: tuple[int, int], orientation: int, mask_as: MaskAs, preferred: MaskAs, note: Note
) -> Array:
    """(..., H, W) of any size that `check_mask_size` lets pass -> of the picture's stored size.

    preferred: "shown" or "stored", which it is where mask_as is "auto" and both fit.
    """
    turn = STORED_FROM_SHOWN.get(orientation)
    if turn is None or mask_as == "stored":
        return holes
    size, shown = holes.shape[-2:], shown_size(*stored, orientation)
    if mask_as == "shown" or size != stored:
        return turn(holes)
    if size != shown:
        return holes
    turned = turn(holes)
    if not np.array_equal(turned, holes):
        note(BOTH_FIT.format(taken=preferred, other="stored" if preferred == "shown" else "shown"))
    return turned if preferred == "shown" else holes
