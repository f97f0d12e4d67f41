"""The holes of a picture with the windows that they need, where those overlap as one."""

from __future__ import annotations

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
    owned: (h, w) of cells, True where a hole is this one's; all of the window's other holes are somebody else's.
    """

    box: Window
    window: Window
    thickness: int
    owned: Array


def find_holes(hole: Array, margin: int) -> list[Hole]:
    """hole: (H, W), nonzero = hole. margin: pixels of context at least. From the top to the bottom."""
    size = (hole.shape[0], hole.shape[1])
    cells = cells_of(hole)
    labels, count = connected(cells)
    boxes = [_window(box, size) for box in boxes_of(labels, count)]
    across = _largest(labels, 2 * CELL * depths(cells), count)
    painted = np.zeros(cells.shape, bool)
    for box, thickness in zip(boxes, across, strict=True):
        window = _with_context(box, max(margin, int(CONTEXT * thickness)), size)
        painted[window.top // CELL : -(-window.bottom // CELL), window.left // CELL : -(-window.right // CELL)] = True
    groups, number = connected(painted)
    owners = np.where(cells, groups, 0)
    thickest = _largest(owners, 2 * CELL * depths(cells), number)
    each = zip(boxes_of(owners, number), boxes_of(groups, number), thickest, strict=True)
    return [
        Hole(_window(box, size), _window(around, size), int(thickness), owners == index)
        for index, (box, around, thickness) in enumerate(each, 1)
    ]


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
