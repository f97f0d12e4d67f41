"""What runs of a few shapes took -> what runs of any shape take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.errors import LamaDeployError
from lama_deploy.runtime.backend import Memory
from lama_deploy.shapes import Shape


@dataclass(frozen=True)
class Run:
    """bytes: at its peak. fixed: of a backend that is fixed to the shape."""

    shape: Shape
    bytes: int
    fixed: bool = False


def terms(shape: Shape) -> tuple[float, float, float]:
    """What a run's memory is a sum of, each with a factor of the model's."""
    count, height, width = shape
    return 1.0, float(count * height * width), float(height * width)


def fitted(runs: Sequence[Run]) -> Memory:
    """Factors of at least 0 that come nearest to all runs, by the share of each by which they miss it.

    Raises LamaDeployError for too few runs.
    """
    free = [run for run in runs if not run.fixed]
    if len(free) < len(terms((1, 1, 1))):
        raise LamaDeployError(f"{len(free)} runs are too few to tell what memory a model takes")
    fixed, per_pixel, per_picture = _least(free)
    found = Memory(int(fixed), per_pixel, per_picture=per_picture)
    bound = [run for run in runs if run.fixed]
    if bound:
        each = max((run.bytes - fixed) / terms(run.shape)[1] for run in bound)
        found = replace(found, per_pixel_fixed=max(0.0, each))
    return replace(found, residual=max(abs(peak(found, run.shape) / run.bytes - 1) for run in free))


def peak(memory: Memory, shape: Shape) -> float:
    """Bytes of a run of a backend that is not fixed to the shape."""
    one, pixels, picture = terms(shape)
    return one * memory.fixed + pixels * memory.per_pixel + picture * memory.per_picture


def _least(runs: Sequence[Run]) -> tuple[float, float, float]:
    """Of all choices of terms whose factors come out positive, the one with the least squares."""
    rows = np.array([terms(run.shape) for run in runs])
    found = np.array([float(run.bytes) for run in runs])
    choices = [list(some) for count in (3, 2, 1) for some in combinations(range(3), count)]
    solved = [_solved(rows / found[:, None], choice) for choice in choices]
    best = min((one for one in solved if (one >= 0).all()), key=lambda one: _missed(rows, found, one))
    return float(best[0]), float(best[1]), float(best[2])


def _solved(shares: Array, choice: list[int]) -> Array:
    factors = np.zeros(shares.shape[1])
    factors[choice] = np.linalg.lstsq(shares[:, choice], np.ones(len(shares)), rcond=None)[0]
    return factors


def _missed(rows: Array, found: Array, factors: Array) -> float:
    return float(np.square(rows @ factors / found - 1).sum())
