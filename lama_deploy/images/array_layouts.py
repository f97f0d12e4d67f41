"""How callers' arrays of pixels stand in memory, which dtypes they may have, and results in the same layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.errors import ImageError, brief
from lama_deploy.images.photograph import fill_in

DTYPES = "uint8, uint16, bool, other integers from 0 to 255, or floats in [0, 1]"
LAST, FIRST = -1, -3  # axes of channels
# Numbers of channels by axis: what is taken so whatever the other axis has, and what is if the other one has none.
SURE: Mapping[tuple[str, int], Mapping[int, tuple[int, ...]]] = {
    ("NumPy", 3): {LAST: (1, 3, 4)},
    ("NumPy", 4): {LAST: (3,)},
    ("torch", 3): {FIRST: (3,)},
    ("torch", 4): {FIRST: (3,)},
}
POSSIBLE: Mapping[str, Mapping[int, tuple[int, ...]]] = {
    "NumPy": {LAST: (1, 2, 3, 4), FIRST: (1, 3, 4)},
    "torch": {FIRST: (1, 3, 4), LAST: (1, 3, 4)},
}
SHAPES = {
    "NumPy": "grey (H, W), (H, W, C) or (N, H, W, C), or (C, H, W) and (N, C, H, W), with C of 1 to 4",
    "torch": "grey (H, W), (C, H, W) or (N, C, H, W), or (H, W, C) and (N, H, W, C), with C of 1, 3 or 4",
}


@dataclass(frozen=True)
class Layout:
    """channels: their axis, LAST or FIRST, None for a grey (H, W) without one."""

    batched: bool
    channels: int | None

    def to_last(self, array: Array) -> Array:
        """A view (N, H, W, C)."""
        if self.channels is None:
            array = array[..., None]
        elif self.channels == FIRST:
            array = np.moveaxis(array, FIRST, LAST)
        return array if self.batched else array[None]

    def back(self, array: Array) -> Array:
        """A view in this layout of (N, H, W, C)."""
        if not self.batched:
            array = array[0]
        if self.channels is None:
            return array[..., 0]
        return np.moveaxis(array, LAST, FIRST) if self.channels == FIRST else array


def layout_of(shape: tuple[int, ...], library: str) -> Layout:
    """library: "NumPy" or "torch", which have their own habits. Raises ImageError for no picture, and for two."""
    if len(shape) == 2:
        return Layout(False, None)
    fits: list[int] = []
    if len(shape) in (3, 4):
        sure, possible = SURE[library, len(shape)], POSSIBLE[library]
        fits = [axis for axis, counts in sure.items() if shape[axis] in counts]
        fits = fits or [axis for axis, counts in possible.items() if shape[axis] in counts]
    if len(fits) == 1:
        return Layout(len(shape) == 4, fits[0])
    either = "which can be channels first or last" if fits else f"allowed: {SHAPES[library]}"
    raise ImageError(f"a {library} image has shape {brief(shape)}; {either}{'; give 3 channels' if fits else ''}")


def samples_of(array: Array, check_size: Callable[[int], None]) -> Array:
    """uint8 or uint16 of the same shape, from any dtype of DTYPES. check_size: is told the bytes made of every element.

    Raises ImageError for other dtypes and values.
    """
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind not in "buif":
        raise ImageError(f"an image has dtype {dtype_name(array)}; allowed: {DTYPES}")
    check_size(2 * size + 2)
    if kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    if kind == "u" and size <= 2:
        return np.ascontiguousarray(array, np.uint8 if size == 1 else np.uint16)
    if kind in "ui":
        if array.min() < 0 or array.max() > 255:
            raise ImageError(f"an image has dtype {dtype_name(array)} and values outside 0 to 255; allowed: {DTYPES}")
        return array.astype(np.uint8)
    if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
        raise ImageError("a float image must lie in [0, 1] and have no NaN; divide by 255 or convert to uint8")
    return np.rint(array * 255).astype(np.uint8)


def rgb_of_samples(samples: Array) -> Array:
    """(N, H, W, C) uint8 or uint16, alpha last where C is even -> (N, H, W, 3) uint8; alpha is left out."""
    colours = samples[..., :-1] if samples.shape[-1] % 2 == 0 else samples
    if colours.dtype == np.uint16:
        colours = (colours >> 8).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(colours, (*colours.shape[:3], 3)))


def result_like(samples: Array, result: Array, holes: Array) -> Array:
    """`samples` with the result (N, H, W, 3) uint8 in the holes (N or 1, H, W): grey, 16 bits and alpha stay."""
    channels = samples.shape[-1]
    if channels == 3 and samples.dtype == np.uint8:
        return result
    colours = samples[..., : channels - 1 + channels % 2]
    painted = fill_in(colours, result, holes)
    return painted if channels % 2 else np.concatenate((painted, samples[..., -1:]), axis=-1)


def dtype_name(array: Array) -> str:
    """Structured ones can be of any length."""
    return "of fields" if getattr(array.dtype, "fields", None) else brief(str(array.dtype).removeprefix("torch."))
