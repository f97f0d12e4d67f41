"""The holes of a picture with the windows that they need, where those overlap as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.runtime.strategies.cells import CELL, boxes_of, cells_of, connected, depths
from lama_deploy.runtime.strategies.windows import Window

CONTEXT = 0.5  # of a hole's thickness, that a window shows on each side of it


@dataclass(frozen=True)
class Hole:
    """Holes whose windows overlap, or one alone. box: around its cells, window: with context, inside the picture.

    thickness: pixels across where it is thickest; twice the way to the edge where it reaches that of the picture.
    margin: pixels of context that it wants at least. owners: (h, w) of cells, `index` where a hole is this one's; all
    of the window's other holes are somebody else's.
    """

    box: Window
    window: Window
    thickness: int
    margin: int
    owners: Array
    index: int = 1

    def owned(self) -> Array:
        """(h, w) bool, of cells."""
        found: Array = self.owners == self.index
        return found


def find_holes(
    hole: Array, margin: int, is_large: Callable[[Window, int], bool] = lambda window, thickness: False
) -> list[Hole]:
    """hole: (H, W), nonzero = hole. margin: pixels of context at least. From the top to the bottom, large ones first.

    is_large: whether a hole of this window and thickness is to be filled at a lower resolution, which smaller ones
    beside it need not share.
    """
    size = (hole.shape[0], hole.shape[1])
    labels, count = connected(cells_of(hole))
    depth = depths(labels > 0)
    each = zip(boxes_of(labels, count), _largest(labels, 2 * CELL * depth, count), strict=True)
    windows = [
        (_with_context(_window(box, size), _margin(margin, thickness), size), thickness) for box, thickness in each
    ]
    large = np.array([False, *(is_large(*one) for one in windows)])
    return [
        one
        for some in (large, ~large)
        for one in _grouped(np.where(some[labels], labels, 0), depth, [window for window, _ in windows], margin, size)
    ]


def _grouped(labels: Array, depth: Array, windows: list[Window], margin: int, size: tuple[int, int]) -> list[Hole]:
    """Of the holes in `labels`, those together whose windows overlap."""
    painted = np.zeros(labels.shape, bool)
    for label in np.unique(labels[labels > 0]):
        window = windows[label - 1]
        painted[window.top // CELL : -(-window.bottom // CELL), window.left // CELL : -(-window.right // CELL)] = True
    groups, count = connected(painted)
    owners = np.where(labels > 0, groups, 0)
    thickest = _largest(owners, 2 * CELL * depth, count)
    each = zip(boxes_of(owners, count), boxes_of(groups, count), thickest, strict=True)
    return [
        Hole(_window(box, size), _window(around, size), thickness, _margin(margin, thickness), owners, index)
        for index, (box, around, thickness) in enumerate(each, 1)
    ]


def _margin(least: int, thickness: int) -> int:
    return max(least, int(CONTEXT * thickness))


def _with_context(box: Window, margin: int, size: tuple[int, int]) -> Window:
    return box.grown((box.height + 2 * margin, box.width + 2 * margin), size)


def _window(box: tuple[int, int, int, int], size: tuple[int, int]) -> Window:
    top, left, bottom, right = (edge * CELL for edge in box)
    return Window(top, left, min(bottom, size[0]) - top, min(right, size[1]) - left)


def _largest(labels: Array, values: Array, count: int) -> list[int]:
    """The largest value of labels 1 to `count`."""
    found = np.zeros(count + 1, values.dtype)
    np.maximum.at(found, labels.ravel(), values.ravel())
    largest: list[int] = found[1:].tolist()
    return largest
