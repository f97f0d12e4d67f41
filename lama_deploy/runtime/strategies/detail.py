"""The detail that a fill at a lower resolution lacks, taken from where the picture around looks the same.

For each small block of the fill the most similar known place at the lower resolution is looked for, and what that place
has more at full resolution is added (self-similarity, as in Freeman, Jones and Pasztor, "Example-based
super-resolution", 2002). Sums of squares of bytes stay below 2^24, so that float32 has them exactly and every machine
finds the same places.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from lama_deploy.arrays import Array

PATCH = 5  # small pixels a side, that are compared: 75 bytes, whose squares add up to less than 2^24
BLOCK = 3  # small pixels a side, whose detail is taken from one place
EDGE = (PATCH - BLOCK) // 2
MOST_PLACES = 4096  # known places that are looked at
TOGETHER = 2**22  # numbers of a table of distances


def detailed(enlarged: Array, image: Array, hole: Array, small: Array, small_hole: Array) -> Array:
    """enlarged (H, W, 3) uint8, of small (h, w, 3), with detail in the hole (H, W); the rest of it is as it was.

    image: (H, W, 3), of which the detail is where no hole is. small_hole: (h, w), nonzero = hole.
    """
    known = _known_places(small_hole)
    targets = _targets(small_hole)
    if not len(known) or not len(targets):
        return enlarged
    sources = known[_nearest(_patches(small), targets, known)]
    residual = image.astype(np.int16) - enlarged
    residual[hole > 0] = 0
    return _added(enlarged, residual, hole, targets, sources, small.shape[:2])


def _known_places(small_hole: Array) -> Array:
    """(n, 2): tops and lefts of patches without hole, evenly spread."""
    if min(small_hole.shape) < PATCH:
        return np.zeros((0, 2), int)
    free = ~sliding_window_view(small_hole > 0, (PATCH, PATCH)).any(axis=(2, 3))
    places = np.argwhere(free)
    return places[:: -(-len(places) // MOST_PLACES) or 1]


def _targets(small_hole: Array) -> Array:
    """(n, 2): tops and lefts of the patches whose middle blocks cover the hole, and lie inside."""
    rows = np.logical_or.reduceat(small_hole, np.arange(0, small_hole.shape[0], BLOCK), axis=0)
    touched = np.logical_or.reduceat(rows, np.arange(0, small_hole.shape[1], BLOCK), axis=1)
    return np.clip(np.argwhere(touched) * BLOCK - EDGE, 0, np.array(small_hole.shape) - PATCH)


def _patches(small: Array) -> Array:
    """(h', w', 75) uint8: every patch."""
    windows = sliding_window_view(small, (PATCH, PATCH), axis=(0, 1))
    return windows.reshape(*windows.shape[:2], -1)


def _nearest(patches: Array, targets: Array, known: Array) -> Array:
    """Index into `known` for each target: the smallest sum of squared differences, the first of equals."""
    candidates = patches[known[:, 0], known[:, 1]].astype(np.float32)
    squares = np.einsum("ij,ij->i", candidates, candidates)
    found = np.empty(len(targets), int)
    step = max(1, TOGETHER // len(known))
    for start in range(0, len(targets), step):
        some = targets[start : start + step]
        asked = patches[some[:, 0], some[:, 1]].astype(np.float32)
        found[start : start + step] = np.argmin(squares - 2 * (asked @ candidates.T), axis=1)
    return found


def _added(
    enlarged: Array, residual: Array, hole: Array, targets: Array, sources: Array, small: tuple[int, int]
) -> Array:
    """residual (H, W, 3) int16, 0 in the hole. targets, sources (n, 2): patches of the picture of size `small`."""
    scale = np.array(hole.shape) / np.array(small)
    height, width = np.ceil(scale * BLOCK).astype(int).tolist()
    detail = np.zeros_like(residual)
    for (top, left), (y, x) in zip(_corners(targets, scale, hole), _corners(sources, scale, hole), strict=True):
        detail[top : top + height, left : left + width] = residual[y : y + height, x : x + width]
    return np.where(hole[..., None] > 0, np.clip(enlarged + detail, 0, 255), enlarged).astype(np.uint8)


def _corners(patches: Array, scale: Array, hole: Array) -> list[list[int]]:
    """Tops and lefts of the patches' middle blocks at full resolution, inside the picture."""
    most = np.array(hole.shape) - np.ceil(scale * BLOCK).astype(int)
    corners: list[list[int]] = np.clip(np.rint((patches + EDGE) * scale).astype(int), 0, most).tolist()
    return corners
