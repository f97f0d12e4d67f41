"""What the Inpainter is given as arrays, checked before a model is."""

from __future__ import annotations

import operator
from collections.abc import Sequence

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.errors import ImageError, brief
from lama_deploy.shapes import Shape

MOST_SIDE = 2**20  # pixels, as in liblama


def check_pictures(pixels: Array, holes: Array) -> None:
    """Raises ImageError but for (N, H, W, 3) uint8 and (N or 1, H, W) uint8 or bool."""
    _check_kinds(pixels, holes)
    _check_sizes(pixels, holes)


def wrong_with(pixels: Array, hole: Array) -> ImageError | None:
    """What is wrong with a picture that is to be (H, W, 3) uint8 and (H, W) uint8 or bool; None for nothing."""
    try:
        if not isinstance(pixels, np.ndarray) or not isinstance(hole, np.ndarray):
            raise ImageError(
                f"a picture is {type(pixels).__name__} and {type(hole).__name__}; allowed: two NumPy arrays; map takes "
                "other kinds"
            )
        check_pictures(pixels[None], hole[None])
    except ImageError as error:
        return error
    return None


def warmed_shape(size: Sequence[int]) -> Shape:
    """Pictures, height and width. Raises ImageError but for (H, W) or (N, H, W) of integers from 1 to `MOST_SIDE`."""
    try:
        n, h, w = [operator.index(part) for part in ((1, *size) if len(size) == 2 else size)]
    except (TypeError, ValueError):
        n = h = w = 0
    if not all(1 <= part <= MOST_SIDE for part in (n, h, w)):
        raise ImageError(
            f"a size to warm up with is {brief(size)}; allowed: (height, width) or (count, height, width), integers "
            f"from 1 to {MOST_SIDE:,}"
        )
    return n, h, w


def check_around(around: Array, holes: Array) -> None:
    """Raises ImageError but for (H, W) that has all of the holes (N, H, W): others would stay as they are."""
    if around.shape != holes.shape[1:]:
        raise ImageError(f"around is {brief(around.shape)}, holes {brief(holes.shape)}; allowed: (H, W) of the holes")
    if ((around == 0) & (holes > 0).any(axis=0)).any():
        raise ImageError("around leaves out some of the holes; allowed: nonzero wherever any of them is")


def _check_sizes(pixels: Array, holes: Array) -> None:
    if holes.shape[1:] != pixels.shape[1:3] or holes.shape[0] not in (1, pixels.shape[0]):
        raise ImageError(
            f"the mask is {_size(holes)}, the image {_size(pixels)}; both must have the same size, "
            "and a batch as many masks as images, or one"
        )


def _check_kinds(pixels: Array, holes: Array) -> None:
    images = pixels.ndim == 4 and pixels.shape[3] == 3 and pixels.dtype == np.uint8
    if not images or holes.ndim != 3 or holes.dtype.kind not in "bu":
        raise ImageError(
            f"pixels are {pixels.dtype} {brief(pixels.shape)}, holes {holes.dtype} {brief(holes.shape)}; allowed: "
            "uint8 (N, H, W, 3) and uint8 (N or 1, H, W); calling the Inpainter itself takes other kinds"
        )


def _size(batch: Array) -> str:
    return f"{batch.shape[2]}x{batch.shape[1]}" + (f" (batch of {batch.shape[0]})" if batch.shape[0] > 1 else "")


def check_hole(hole: Array) -> None:
    """Raises ImageError but for (H, W) uint8 or bool."""
    if not isinstance(hole, np.ndarray) or hole.ndim != 2 or hole.dtype.kind not in "bu" or 0 in hole.shape:
        what = f"{hole.dtype} {brief(hole.shape)}" if isinstance(hole, np.ndarray) else brief(hole)
        raise ImageError(f"holes are {what}; allowed: uint8 or bool (H, W)")
