"""What looks wrong with a mask, in words: none of it is refused, since every mask is somebody's right one."""

from __future__ import annotations

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.images.notes import Note

OTHERWISE = "the options invert, mask-threshold and mask-from read it in other ways"
EMPTY = f"the mask has no hole, so that nothing is filled; above 0 is hole, and {OTHERWISE}"
FULL = f"the hole is more than 95% of the picture; above 0 is hole, and {OTHERWISE}"
NEGATIVE = (
    "the mask has negative values, as logits do, which count as known; above 0 is hole (mask-threshold raises it)"
)
BACKGROUND = (
    "the mask's background is not 0, so that all of it is hole; mask-threshold N leaves what is not above N (on the "
    "scale of bytes) as it is"
)
INVERTED = (
    "the hole is more than half of the picture and most of its edge; if the mask marks what is to stay, give invert"
)
PHOTOGRAPH = (
    "the mask looks like a photograph: it is mostly neither black nor white, and all that is above 0 is hole; give a "
    "mask, or mask-threshold for a soft one"
)
SWAPPED = "the mask looks like a photograph and the image like a mask; give the image first, then the mask"
SPECKLES = (
    "the mask is of a lossy format, and faint pixels in it (below 32 of 255) are hole too; mask-threshold 127 leaves "
    "them out, and PNG keeps masks as they are drawn"
)
MOST = 0.95  # of a picture, above which a hole is doubted
EDGE = 0.75  # of a picture's outermost pixels, which few things that are removed cover
FAINT = 32
GREYS = (16, 239)  # between them, of bytes, is what masks have at soft edges only, and photographs everywhere
MIDDLE_SHARE, MIDDLE_LEVELS = 0.3, 48  # of its pixels, and of the levels between GREYS, that make it a photograph
SAMPLED = 256  # rows and columns that are looked at, to tell photographs
MASK_LEVELS = 4  # at most so many greys has an image that looks like a mask


def note_doubts(grey: Array, holes: Array, lossy: bool, picture: Array | None, note: Note) -> None:
    """Tells `note` of the first thing that is odd. grey: bytes, or numbers as bytes would be; holes: bool; both (H, W).

    lossy: of a format that changes pixels. picture: (H, W, 3) that the mask is for, which may be a mask itself.
    """
    doubt = _doubt(grey, holes, float(holes.mean()), picture)
    if doubt is not None:
        note(doubt)
    elif lossy and bool((holes & (grey < FAINT)).any()):
        note(SPECKLES)


def looks_like_photograph(grey: Array) -> bool:
    """grey: (H, W), bytes or numbers as bytes would be."""
    sample = _sample(grey)
    middle = sample[(sample > GREYS[0]) & (sample < GREYS[1])].astype(np.uint8)
    if len(middle) < MIDDLE_SHARE * sample.size:
        return False
    return int(np.count_nonzero(np.bincount(middle, minlength=256))) >= MIDDLE_LEVELS


def _doubt(grey: Array, holes: Array, share: float, picture: Array | None) -> str | None:
    if looks_like_photograph(grey):
        return SWAPPED if picture is not None and _looks_like_mask(picture) else PHOTOGRAPH
    if grey.dtype.kind in "if" and grey.min() < 0:
        return NEGATIVE
    if share == 0:
        return EMPTY
    if share > MOST:
        return BACKGROUND if holes.all() and grey.min() < grey.max() else FULL
    return INVERTED if share > 0.5 and _covers_edge(holes) else None


def _looks_like_mask(picture: Array) -> bool:
    sample = _sample(picture)
    if (sample[..., 0] != sample[..., 1]).any() or (sample[..., 0] != sample[..., 2]).any():
        return False
    return len(np.unique(sample[..., 0])) <= MASK_LEVELS


def _sample(array: Array) -> Array:
    rows, columns = (max(1, -(-side // SAMPLED)) for side in array.shape[:2])
    return array[::rows, ::columns]


def _covers_edge(holes: Array) -> bool:
    edge = np.concatenate((holes[0], holes[-1], holes[:, 0], holes[:, -1]))
    return float(edge.mean()) >= EDGE
