"""How one hole is filled, as generators: each asks for windows to be run, and sets what comes back.

So that windows of many holes and pictures can run as one batch, whoever drives them decides what runs when. A window
shows the holes of others as holes, whether they are filled by then or not, so that this decides nothing else.
"""

from __future__ import annotations

from collections.abc import Generator
from itertools import pairwise

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.runtime.strategies.cells import pixels_of
from lama_deploy.runtime.strategies.detail import detailed
from lama_deploy.runtime.strategies.holes import Hole
from lama_deploy.runtime.strategies.resample import enlarged, shrunk
from lama_deploy.runtime.strategies.windows import Window

Request = tuple[Array, Array]  # (H, W, 3) uint8 and (H, W) uint8, nonzero = hole
Filling = Generator[Request, Array, None]  # is sent the request's picture, filled: (H, W, 3) uint8
TILE_BORDER = 4  # a tile fills all but a fourth of its side at each edge, where it sees too little


def whole(canvas: Array, hole: Array) -> Filling:
    """canvas: (H, W, 3), is filled; hole: (H, W), stays."""
    result = yield canvas, hole
    fills = hole > 0
    canvas[fills] = result[fills]


def crop(canvas: Array, hole: Array, one: Hole, window: Window) -> Filling:
    """As `whole`, of one hole and what the window shows around it."""
    result = yield canvas[window.place], hole[window.place]
    _set(canvas, hole, one, window, result)


def resize(canvas: Array, hole: Array, one: Hole, window: Window, size: tuple[int, int]) -> Filling:
    """As `crop`, with the window made `size`; the fill is enlarged and gets the detail of what looks like it.

    Enlarging goes on smoothly from the known pixels into the hole, so that its edge is no seam.
    """
    image, inside = canvas[window.place], hole[window.place]
    small, small_hole = shrunk(image, inside, size)
    result = yield small, small_hole
    fill = detailed(enlarged(result, window.size), image, inside, result, small_hole)
    _set(canvas, hole, one, window, fill)


def tile(canvas: Array, hole: Array, one: Hole, size: tuple[int, int]) -> Filling:
    """In windows of `size`, those first that see the most; later ones see what is filled already."""
    left = hole.copy()
    picture = (hole.shape[0], hole.shape[1])
    places = [(core, core.grown(size, picture)) for core in _cores(one.box, size)]
    own = {core: _owned(hole, one, core) for core, _ in places}
    places = [place for place in places if own[place[0]].any()]
    while places:
        core, window = places.pop(_most_known(left, [window for _, window in places]))
        result = yield canvas[window.place], left[window.place]
        fills = own[core]
        inside = result[core.top - window.top :, core.left - window.left :][: core.height, : core.width]
        canvas[core.place][fills] = inside[fills]
        left[core.place][fills] = 0


def _set(canvas: Array, hole: Array, one: Hole, window: Window, result: Array) -> None:
    fills = _owned(hole, one, window)
    canvas[window.place][fills] = result[fills]


def _owned(hole: Array, one: Hole, window: Window) -> Array:
    """(h, w) bool: what of a window is the hole's own."""
    mine = pixels_of(one.owned, window.top, window.left, window.height, window.width)
    found: Array = (hole[window.place] > 0) & mine
    return found


def _cores(box: Window, size: tuple[int, int]) -> list[Window]:
    """What tiles of `size` fill of a box: parts that cover it, evenly."""
    rows, columns = (
        _parts(start, length, max(1, side - 2 * (side // TILE_BORDER)))
        for start, length, side in zip((box.top, box.left), box.size, size, strict=True)
    )
    return [Window(top, left, height, width) for top, height in rows for left, width in columns]


def _parts(start: int, length: int, most: int) -> list[tuple[int, int]]:
    count = -(-length // most)
    edges = [start + index * length // count for index in range(count + 1)]
    return [(low, high - low) for low, high in pairwise(edges)]


def _most_known(left: Array, windows: list[Window]) -> int:
    return int(np.argmin([np.count_nonzero(left[window.place]) for window in windows]))
