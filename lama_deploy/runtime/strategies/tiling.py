"""Tiles over a hole: how large they are, which parts of it each of them fills."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.runtime.strategies.cells import CELL
from lama_deploy.runtime.strategies.holes import Hole
from lama_deploy.runtime.strategies.windows import BUCKET, Window

SMALLEST = 256  # pixels a side, where memory and engine leave the choice
STEP = 1.5  # from one size that is considered to the next


def cores_of(hole: Hole, size: tuple[int, int]) -> list[Window]:
    """The parts that tiles of `size` (height, width) fill: evenly over the hole's box, without those that have none."""
    border = border_of(hole, size)
    box = hole.box
    rows, columns = (
        _parts(start, length, side - 2 * border)
        for start, length, side in zip((box.top, box.left), box.size, size, strict=True)
    )
    counts = np.pad(hole.owned().astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    parts = [Window(top, left, height, width) for top, height in rows for left, width in columns]
    return [part for part in parts if _cells_in(counts, part)]


def border_of(hole: Hole, size: tuple[int, int]) -> int:
    """What a tile shows at each edge and does not fill: as much as the hole wants around it, a fourth at most."""
    return min(hole.margin, min(size) // 4)


def best_size(hole: Hole, most: tuple[int, int]) -> tuple[int, int]:
    """Of those up to `most` that show as much beside the hole as it is thick, the one that costs the fewest pixels.

    Lines want small tiles, specks all over a picture large ones, whose borders are a smaller part of them.
    """
    least = max(SMALLEST, -(-3 * hole.thickness // BUCKET) * BUCKET)
    sizes = {(min(least, most[0]), min(least, most[1])), most}
    side = least * STEP
    while side < max(most):
        sizes.add((min(_up(side), most[0]), min(_up(side), most[1])))
        side *= STEP
    return min(sorted(sizes), key=lambda size: len(cores_of(hole, size)) * size[0] * size[1])


def _up(side: float) -> int:
    return -(-int(side) // BUCKET) * BUCKET


def _parts(start: int, length: int, most: int) -> list[tuple[int, int]]:
    """(start, length) of parts of at most so much."""
    count = -(-length // max(1, most))
    edges = [start + index * length // count for index in range(count + 1)]
    return [(low, high - low) for low, high in pairwise(edges)]


def _cells_in(counts: Array, part: Window) -> int:
    top, left, bottom, right = part.top // CELL, part.left // CELL, -(-part.bottom // CELL), -(-part.right // CELL)
    return int(counts[bottom, right] - counts[top, right] - counts[bottom, left] + counts[top, left])
