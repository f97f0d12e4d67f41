"""Distances between two sets of features, in float64 NumPy. Row i of both sets comes from the same picture."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lama_deploy.arrays import Array

KERNEL_DEGREE = 3
BLOCK = 1024  # rows of a kernel matrix at a time: 30,000 pictures would need 7 GB at once


def frechet_distance(a: Array, b: Array) -> float:
    """|mean a - mean b|^2 + Tr(A + B - 2 sqrt(A B)) of (N, D) and (M, D), with A and B as `np.cov` gives them.

    Heusel et al., "GANs Trained by a Two Time-Scale Update Rule" (2017). Where reference code takes `scipy`'s sqrtm of
    the D x D product, which is singular for N < D and then loses digits or turns complex, this uses that with
    A = X'X and B = Y'Y the trace of sqrt(A B) is the sum of the singular values of X Y'. Needs two rows of each.
    """
    x, y = _scaled_deviations(a), _scaled_deviations(b)
    offset = a.mean(axis=0, dtype=np.float64) - b.mean(axis=0, dtype=np.float64)
    common = float(np.linalg.svd(_square_root(x) @ _square_root(y).T, compute_uv=False).sum())
    return float(offset @ offset) + float((x * x).sum()) + float((y * y).sum()) - 2 * common


def kernel_distance(a: Array, b: Array) -> float:
    """Squared maximum mean discrepancy of (N, D) and (N, D) under KID's kernel (x.y / D + 1)^3; around 0 for equals.

    The kernel is that of Binkowski et al., "Demystifying MMD GANs" (2018); the estimate is the one for pairs of
    Gretton et al., "A Kernel Two-Sample Test" (2012), eq. 4: no picture is compared with its own partner. KID's usual
    estimate (also torchmetrics', on random subsets) takes both sets for independent. Results and their originals are
    not, and it would fall below zero by 2 / (N - 1) of what the kernel of partners exceeds its mean by. Needs N >= 2.
    """
    pairs = len(a) * (len(a) - 1)
    return (_off_diagonal(a, a) + _off_diagonal(b, b) - 2 * _off_diagonal(a, b)) / pairs


def _scaled_deviations(features: Array) -> Array:
    """X with X'X = np.cov(features, rowvar=False)."""
    wide = features.astype(np.float64)
    return (wide - wide.mean(axis=0)) / np.sqrt(len(wide) - 1)


def _square_root(x: Array) -> Array:
    """The smaller of X and a D x D matrix R with R'R = X'X."""
    if len(x) <= x.shape[1]:
        return x
    return np.asarray(np.linalg.qr(x, mode="r"))


def _off_diagonal(a: Array, b: Array) -> float:
    """The kernel's sum over all i != j."""
    return sum(float(rows.sum() - np.trace(rows, offset=start)) for start, rows in _kernel_rows(a, b))


def _kernel_rows(a: Array, b: Array) -> Iterator[tuple[int, Array]]:
    """(first row, kernel of some rows of `a` with all of `b`)."""
    wide = b.astype(np.float64).T
    for start in range(0, len(a), BLOCK):
        rows = a[start : start + BLOCK].astype(np.float64) @ wide
        yield start, (rows / a.shape[1] + 1) ** KERNEL_DEGREE
