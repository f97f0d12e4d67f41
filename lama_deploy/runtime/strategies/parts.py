"""Pictures that an engine cannot take whole: mirrored out to what it takes, or filled window by window.

A window sees less of the picture than the model would, so this is what is left where no range of shapes fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.images.pixels import to_bytes
from lama_deploy.shapes import Shape

Run = Callable[[Array, Array], Array]
OVERLAP = 4  # neighbouring windows share a fourth of their side


def run_in_parts(run: Run, images: Array, masks: Array, part: Shape) -> Array:
    """The composited result of `run`, which takes exactly `part` (pictures, height, width), for any larger or smaller.

    images (N, H, W, 3) uint8, masks (N, H, W) uint8. Smaller pictures are mirrored, holes too, so that nothing which a
    hole hides appears beside it. Larger ones are filled in windows over their holes, which overlap and are blended.
    """
    count, *sides = part
    size = images.shape[1:3]
    padded = [_mirrored(array, sides) for array in (images, masks)]
    if padded[0].shape[1:3] == tuple(sides):
        results = [_run_some(run, *chunk, count) for chunk in _chunks(count, *padded)]
        return np.concatenate(results)[:, : size[0], : size[1]]
    filled = [_in_windows(run, image, mask, part) for image, mask in zip(*padded, strict=True)]
    return np.stack(filled)[:, : size[0], : size[1]]


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


def _in_windows(run: Run, image: Array, mask: Array, part: Shape) -> Array:
    """One picture (H, W, 3), bytes out."""
    count, height, width = part
    weight = _tent(height)[:, None] * _tent(width)
    total = np.zeros(image.shape)
    weights = np.zeros(mask.shape)
    places = (starts(np.flatnonzero(mask.any(axis=1 - axis)), mask.shape[axis], part[1 + axis]) for axis in (0, 1))
    for top, left in product(*places):
        window = np.s_[top : top + height, left : left + width]
        if mask[window].any():
            result = to_bytes(_run_some(run, image[None][:, *window], mask[None][:, *window], count)[0])
            total[window] += result * weight[..., None]
            weights[window] += weight
    blended = np.rint(total / np.maximum(weights, 1e-9)[..., None]).astype(np.uint8)
    return np.where(mask[..., None] > 0, blended, image)


def starts(holes: Array, length: int, side: int) -> list[int]:
    """Where windows of `side` pixels begin along an axis of `length` to cover its holes, evenly, overlapping.

    holes: the positions, ascending. One window is put around the middle of them. length: at least `side`.
    """
    if holes.size == 0:
        return []
    first, last = int(holes[0]), int(holes[-1]) + 1
    limit = length - side
    if last - first <= side:
        return [min(max(0, (first + last - side) // 2), limit)]
    step = side - side // OVERLAP
    count = 1 + -(-(last - first - side) // step)
    return [round(first + index * (last - first - side) / (count - 1)) for index in range(count)]


def _tent(side: int) -> Array:
    """Weights that fall to both ends, above 0."""
    return np.minimum(np.arange(1, side + 1), np.arange(side, 0, -1)).astype(np.float64)
