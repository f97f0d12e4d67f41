"""A hole that grows by so many pixels in every direction, exactly, at a cost that what is in it does not change.

Pixels are packed as bits, 64 a word, so that a step over a picture of 24 megapixels touches 3 MB.
"""

from __future__ import annotations

from math import isqrt

import numpy as np

from lama_deploy.arrays import Array

MOST_GROWTH = 1000
WORD = 64


def grown(holes: Array, radius: int) -> Array:
    """(H, W) uint8, 1 in the hole -> the same with every pixel whose centre is at most `radius` from a hole's one.

    A disc is a stack of rows, the widest in the middle: the hole is widened row by row of it, from its rim inwards, and
    every width is laid over the result as far up and down as the disc has it.
    """
    if not radius or not holes.any():
        return holes
    height, width = holes.shape
    rows = _packed(holes)
    result, reached = np.zeros_like(rows), 0
    for away in range(min(radius, height - 1), -1, -1):
        wanted = min(isqrt(radius * radius - away * away), width)
        for _ in range(reached, wanted):
            rows = _widened(rows)
        reached = wanted
        result[away:] |= rows[: height - away]
        result[: height - away] |= rows[away:]
    return np.unpackbits(result.view(np.uint8), axis=1, count=width, bitorder="little")


def _packed(holes: Array) -> Array:
    """(H, words) of 64 pixels each, the leftmost in the lowest bit; what is beyond the picture is no hole."""
    height, width = holes.shape
    packed = np.zeros((height, -(-width // WORD) * WORD // 8), np.uint8)
    packed[:, : -(-width // 8)] = np.packbits(holes > 0, axis=1, bitorder="little")
    return packed.view("<u8")


def _widened(rows: Array) -> Array:
    """By one pixel to the left and to the right."""
    one, last = np.uint64(1), np.uint64(WORD - 1)
    wide: Array = rows | (rows << one) | (rows >> one)
    wide[:, 1:] |= rows[:, :-1] >> last
    wide[:, :-1] |= rows[:, 1:] << last
    return wide
