"""Holes on a grid of cells, 8 pixels a side: which belong together, and how thick they are.

Windows are placed by cells, since the model's own grid, the latent, has a value for each; so a picture of 48
megapixels has no more than 750,000 of them to look at.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from lama_deploy.arrays import Array

CELL = 8  # pixels a side


def cells_of(hole: Array) -> Array:
    """(H, W), nonzero = hole -> (ceil(H / 8), ceil(W / 8)) bool: cells with a hole pixel."""
    rows = np.logical_or.reduceat(hole, np.arange(0, hole.shape[0], CELL), axis=0)
    found: Array = np.logical_or.reduceat(rows, np.arange(0, hole.shape[1], CELL), axis=1)
    return found


def connected(cells: Array) -> tuple[Array, int]:
    """(labels, their number): 0 for False, then 1, 2, ... for cells that touch at a side or a corner, in the order of
    their first cells.
    """
    labels = np.zeros(cells.shape, np.int32)
    parents = [0]
    above: list[tuple[int, int, int]] = []
    for row, found in enumerate(_runs(cells)):
        runs, first = [], 0
        for start, end in found:
            while first < len(above) and above[first][1] < start:
                first += 1
            label = 0
            for other in above[first:]:
                if other[0] > end:
                    break
                label = _joined(parents, label, other[2]) if label else _root(parents, other[2])
            if not label:
                label = len(parents)
                parents.append(label)
            labels[row, start:end] = label
            runs.append((start, end, label))
        above = runs
    return _numbered(labels, parents)


def depths(cells: Array) -> Array:
    """(h, w) int: how many cells lie between each and the nearest that is known, itself included; 0 where known.

    Distances are those of a king's moves. Beyond the picture nothing is known. All hole: as deep as the longer side.
    """
    depth = np.zeros(cells.shape, np.int32)
    left = cells
    while left.any():
        depth += left
        if left.all():
            return depth + max(cells.shape)
        left = _eroded(left)
    return depth


def boxes_of(labels: Array, count: int) -> list[tuple[int, int, int, int]]:
    """(top, left, bottom, right) in cells of labels 1 to `count`, each of which is there; ends are exclusive."""
    rows, columns = np.nonzero(labels)
    names = labels[rows, columns]
    order = np.argsort(names, kind="stable")
    rows, columns = rows[order], columns[order]
    starts = np.searchsorted(names[order], np.arange(1, count + 1))
    edges = [np.minimum.reduceat(rows, starts), np.minimum.reduceat(columns, starts)]
    edges += [np.maximum.reduceat(rows, starts) + 1, np.maximum.reduceat(columns, starts) + 1]
    return [(top, left, bottom, right) for top, left, bottom, right in np.stack(edges, axis=1).tolist()]


def pixels_of(cells: Array, top: int, left: int, height: int, width: int) -> Array:
    """(height, width): the cells' values over a window of pixels."""
    rows = np.arange(top, top + height) // CELL
    columns = np.arange(left, left + width) // CELL
    found: Array = cells[rows][:, columns]
    return found


def _runs(cells: Array) -> Iterator[list[tuple[int, int]]]:
    """(start, end) of each run of a row, row by row; found in all rows at once, of which narrow pictures have many."""
    edges = np.diff(cells.astype(np.int8), axis=1, prepend=0, append=0)
    rows, starts = np.nonzero(edges > 0)
    ends = np.nonzero(edges < 0)[1]
    runs = list(zip(starts.tolist(), ends.tolist(), strict=True))
    first = np.searchsorted(rows, np.arange(len(cells) + 1)).tolist()
    return (runs[begin:end] for begin, end in pairwise(first))


def _root(parents: list[int], label: int) -> int:
    while parents[label] != label:
        parents[label] = parents[parents[label]]
        label = parents[label]
    return label


def _joined(parents: list[int], one: int, other: int) -> int:
    low, high = sorted((_root(parents, one), _root(parents, other)))
    parents[high] = low
    return low


def _numbered(labels: Array, parents: list[int]) -> tuple[Array, int]:
    roots = np.array([_root(parents, label) for label in range(len(parents))])
    names = np.unique(roots)
    number = np.zeros(len(parents), np.int32)
    number[names] = np.arange(len(names))
    return number[roots][labels], len(names) - 1


def _eroded(cells: Array) -> Array:
    framed = np.pad(cells, 1, constant_values=True)
    rows = framed[:-2] & framed[1:-1] & framed[2:]
    found: Array = rows[:, :-2] & rows[:, 1:-1] & rows[:, 2:]
    return found
