"""How one hole is filled, as generators: each asks for windows to be run, and sets what comes back.

So that windows of many holes and pictures can run as one batch, whoever drives them decides what runs when. A window
shows the holes of others as holes, whether they are filled by then or not, so that this decides nothing else.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.runtime.strategies.cells import pixels_of
from lama_deploy.runtime.strategies.detail import detailed
from lama_deploy.runtime.strategies.holes import Hole
from lama_deploy.runtime.strategies.resample import enlarged, shrunk
from lama_deploy.runtime.strategies.tiling import cores_of
from lama_deploy.runtime.strategies.windows import Window

Request = tuple[Array, Array]  # (H, W, 3) uint8 and (H, W) uint8, nonzero = hole
Filling = Generator[Request, Array, None]  # is sent the request's picture, filled: (H, W, 3) uint8


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
    picture = (hole.shape[0], hole.shape[1])
    tiles = {core: core.grown(size, picture) for core in cores_of(one, size)}
    region = Window.around(list(tiles.values()))
    left = hole[region.place].copy()
    unknown = {core: _unknown(left, window.within(region)) for core, window in tiles.items()}
    while unknown:
        core = min(unknown, key=unknown.__getitem__)  # the first of equals
        window = tiles[core]
        result = yield canvas[window.place], left[window.within(region).place]
        fills = _owned(hole, one, core)
        canvas[core.place][fills] = result[core.within(window).place][fills]
        left[core.within(region).place][fills] = 0
        del unknown[core]
        unknown |= {near: _unknown(left, tiles[near].within(region)) for near in unknown if tiles[near].meets(core)}


def _set(canvas: Array, hole: Array, one: Hole, window: Window, result: Array) -> None:
    fills = _owned(hole, one, window)
    canvas[window.place][fills] = result[fills]


def _owned(hole: Array, one: Hole, window: Window) -> Array:
    """(h, w) bool: what of a window is the hole's own."""
    mine = pixels_of(one.owners, window.top, window.left, window.height, window.width) == one.index
    found: Array = (hole[window.place] > 0) & mine
    return found


def _unknown(left: Array, window: Window) -> int:
    return int(np.count_nonzero(left[window.place]))
