"""From what a mask is drawn with, grey and transparency, to which pixels are hole.

Conventions differ. Official code and IOPaint look at the grey value and never at transparency. ComfyUI's mask editor
writes files whose names begin with "clipspace", black or the picture itself, transparent where the hole is. Who draws
on a transparent layer, in white or in black, has the hole where something is drawn; who erases from the picture
itself, where nothing is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.errors import ImageError
from lama_deploy.images.mask_notes import EMPTY, looks_like_photograph, note_doubts
from lama_deploy.images.mask_options import MaskOptions
from lama_deploy.images.notes import Note

CLIPSPACE = "clipspace"  # begins the names of ComfyUI's
IGNORED = "the mask's transparency varies and is not looked at; mask-from alpha takes what is opaque for the hole"
OPAQUE = (
    "the mask is one colour whose transparency varies; what is opaque is taken for the hole (invert takes the rest, "
    "mask-from luminance does not look at transparency)"
)
ERASED = (
    "the mask is ComfyUI's by its name, or a photograph with transparency; what is transparent is taken for the hole "
    "(mask-from luminance does not look at transparency)"
)


@dataclass(frozen=True)
class MaskLayers:
    """grey (H, W): bool, integers or floats without NaN. alpha (H, W) on the scale of bytes, None where there is none.

    lossy: of a file format that changes pixels. erased: transparent is hole, as in ComfyUI's files.
    """

    grey: Array
    alpha: Array | None = None
    lossy: bool = False
    erased: bool = False


def holes_in(mask: MaskLayers, options: MaskOptions, note: Note, picture: Array | None = None) -> Array:
    """(H, W) uint8, 1 in the hole. picture: (H, W, 3) that it is for, so that both the wrong way round are noticed.

    Raises ImageError where mask_from is "alpha" and there is none.
    """
    chosen = _chosen(mask, options, note)
    holes = _above(chosen, options.mask_threshold)
    if options.invert:
        holes = ~holes
    doubt = _but_empty(note) if options.shapes() else note
    note_doubts(on_scale_of_bytes(chosen), holes, mask.lossy, picture, doubt)
    return holes.astype(np.uint8)


def _chosen(mask: MaskLayers, options: MaskOptions, note: Note) -> Array:
    """What tells the hole: grey, alpha, or its opposite."""
    alpha = mask.alpha if mask.alpha is not None and mask.alpha.min() < mask.alpha.max() else None
    if alpha is None and options.mask_from == "alpha":
        raise ImageError("the mask has no transparency that varies, so mask-from alpha finds nothing; leave that out")
    if alpha is None or options.mask_from == "luminance":
        return mask.grey
    if options.mask_from == "alpha":
        return 255 - alpha if mask.erased else alpha
    if mask.erased or looks_like_photograph(on_scale_of_bytes(mask.grey)):
        note(ERASED)
        return 255 - alpha
    if mask.grey.min() == mask.grey.max():
        note(OPAQUE)
        return alpha
    if not np.array_equal(_above(mask.grey, options.mask_threshold), _above(alpha, options.mask_threshold)):
        note(IGNORED)
    return mask.grey


def _but_empty(note: Note) -> Note:
    """A mask without a hole is no news beside boxes."""
    return lambda text: None if text == EMPTY else note(text)


def _above(values: Array, threshold: float) -> Array:
    above: Array = on_scale_of_bytes(values) > threshold if threshold else values > 0
    return above


def on_scale_of_bytes(values: Array) -> Array:
    """Numbers on the scale of bytes, as MaskOptions has it; bytes are left as they are."""
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind == "b":
        return values.astype(np.uint8) * np.uint8(255)
    if kind == "u" and size == 1:
        return values
    if kind == "u" and size == 2:
        return values.astype(np.float32) / np.float32(257)
    if kind == "f" and values.max() <= 1:
        return values * values.dtype.type(255)
    return values
