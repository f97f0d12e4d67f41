"""Batches and small pictures that an engine does not take as they are: split, filled up, mirrored."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.errors import ImageError
from lama_deploy.shapes import Shape

Run = Callable[[Array, Array], Array]


def run_in_parts(run: Run, images: Array, masks: Array, part: Shape) -> Array:
    """The result of `run`, which takes exactly `part` (pictures, height, width), for any number of pictures up to that
    size.

    images (N, H, W, 3) uint8, masks (N, H, W) uint8. Smaller pictures are mirrored, holes too, so that nothing which a
    hole hides appears beside it. Raises ImageError for larger ones, which a strategy gives in windows.
    """
    count, *sides = part
    size = images.shape[1:3]
    if any(length > side for length, side in zip(size, sides, strict=True)):
        raise ImageError(
            f"the engine takes {sides[1]}x{sides[0]} pixels at once, not {size[1]}x{size[0]}; an "
            "Inpainter fills such pictures in windows"
        )
    padded = [_mirrored(array, sides) for array in (images, masks)]
    results = [_run_some(run, *chunk, count) for chunk in _chunks(count, *padded)]
    return np.concatenate(results)[:, : size[0], : size[1]]


def _mirrored(array: Array, sides: list[int]) -> Array:
    """At least `sides` in axes 1 and 2, mirrored at the lower and right edge, as often as it takes."""
    widths = [(0, max(0, side - n)) for side, n in zip(sides, array.shape[1:3], strict=True)]
    return np.pad(array, [(0, 0), *widths, *[(0, 0)] * (array.ndim - 3)], mode="symmetric")


def _chunks(count: int, images: Array, masks: Array) -> Iterator[tuple[Array, Array]]:
    for start in range(0, len(images), count):
        yield images[start : start + count], masks[start : start + count]


def _run_some(run: Run, images: Array, masks: Array, count: int) -> Array:
    """`run` takes `count` pictures; fewer are filled up with the last one."""
    missing = [(0, count - len(images))]
    full = (np.pad(array, missing + [(0, 0)] * (array.ndim - 1), mode="edge") for array in (images, masks))
    return run(*(np.ascontiguousarray(array) for array in full))[: len(images)]
