"""What the tensor-core kernels store of a float16 unit, in NumPy: for maps that take too long to emulate.

Every value that they keep in float16 (tables, folded lines, rows' spectra, spectra, mixed and half-inverted spectra, y)
is rounded here, and products are in float32, in another order of sums.
"""

from __future__ import annotations

import numpy as np

from lama_deploy.arrays import Array

MOST_GAIN = 16.0


def spectrum_gain(h: int, w: int) -> float:
    """As kernels/src/gain.h has it."""
    return min(MOST_GAIN, float(2.0 ** np.round(np.log2(np.sqrt(h * w)))))


def run_stored(x: Array, weight: Array, bias: Array, gain: float) -> Array:
    """y, float64, (1, C, h, w). gain: of all points of the spectrum but the mean."""
    _, channels, h, w = x.shape
    rows, columns = _tables(w), _tables(h)
    cosine, sine = _products(rows, _fold(x[0].astype(np.float64).transpose(2, 1, 0)))
    lines = _half(np.stack([cosine, -sine], -1) / w)  # (k, row, C, 2)
    spectrum = _along_height(columns, _fold(lines.swapaxes(0, 1)), h, 1) / h * _gains(h, w, gain)
    mixed = _mix(_half(spectrum), weight, bias, _gains(h, w, gain) / np.sqrt(h * w))
    even, odd = _fold(mixed.reshape(h, w // 2 + 1, channels, 2))
    unscaled = _gains(h, w, gain)[: len(even)]
    inverse = _half(_along_height(columns, (even / unscaled, odd / unscaled), h, -1)).swapaxes(0, 1)
    cosine, sine = _products(rows, (inverse[..., 0], inverse[..., 1]))
    return _half(_both_halves(cosine - sine, cosine + sine, w)).transpose(2, 1, 0)[None]


def _half(values: Array) -> Array:
    with np.errstate(over="ignore"):
        return values.astype(np.float16).astype(np.float64)


def _alone(length: int) -> Array:
    points = np.arange(length // 2 + 1)
    return (points == 0) | (2 * points == length)


def _tables(length: int) -> tuple[Array, Array]:
    """kernels/src/dft_tables.h: cosines and sines, (L/2 + 1, L/2 + 1)."""
    points = np.arange(length // 2 + 1)
    angles = 2 * np.pi * (np.outer(points, points) % length) / length
    return _half(np.where(_alone(length), 1, 2) * np.cos(angles)), _half(
        np.where(_alone(length), 0, 2 * np.sin(angles))
    )


def _fold(line: Array) -> tuple[Array, Array]:
    """Even and odd part of points along the first axis."""
    length, count = len(line), len(line) // 2 + 1
    here, there = line[:count], line[(length - np.arange(count)) % length]
    alone = _alone(length).reshape(-1, *[1] * (line.ndim - 1))
    return np.where(alone, here, _half(here / 2 + there / 2)), np.where(alone, 0, _half(here / 2 - there / 2))


def _products(tables: tuple[Array, Array], folded: tuple[Array, Array]) -> tuple[Array, Array]:
    first, second = (
        np.tensordot(table.astype(np.float32), part.astype(np.float32), 1).astype(np.float64)
        for table, part in zip(tables, folded, strict=True)
    )
    return first, second


def _both_halves(here: Array, there: Array, length: int) -> Array:
    """Outputs 0..L/2 of `here`, and L - f of `there`."""
    paired = np.flatnonzero(~_alone(length))
    whole = np.empty((length, *here.shape[1:]))
    whole[: len(here)] = here
    whole[length - paired] = there[paired]
    return whole


def _along_height(tables: tuple[Array, Array], folded: tuple[Array, Array], height: int, sign: int) -> Array:
    """Complex transform of (row, k, C, [Re, Im]); sign 1 forward, -1 backward."""
    cosine, sine = _products(tables, folded)
    turned = sign * np.stack([sine[..., 1], -sine[..., 0]], -1)
    return _both_halves(cosine + turned, cosine - turned, height)


def _gains(h: int, w: int, gain: float) -> Array:
    gains = np.full((h, w // 2 + 1, 1, 1), gain)
    gains[0, 0] = 1
    return gains


def _mix(spectrum: Array, weight: Array, bias: Array, bias_scale: Array) -> Array:
    points = spectrum.reshape(-1, weight.shape[0]).astype(np.float32)
    sums = (points @ weight.astype(np.float32).T).astype(np.float64)
    return _half(np.maximum(sums + bias_scale.reshape(-1, 1) * bias.astype(np.float64), 0))
