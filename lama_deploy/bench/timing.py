"""Seconds of calls that take turns, and what they say of each other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np

Clock = Callable[[], float]
WARM_UP = 2  # untimed rounds after a first call: engines capture graphs, allocators and clocks settle
LEAST_ROUNDS = 5  # whatever the budget: of fewer no spread is known
RESAMPLES = 1000
CONFIDENCE = 95  # per cent


@dataclass(frozen=True)
class Summary:
    """Of the seconds of one call's rounds."""

    rounds: int
    min_s: float
    median_s: float
    p90_s: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Summary:
        median, p90 = np.percentile(seconds, [50, 90]).tolist()
        return cls(len(seconds), min(seconds), median, p90)


@dataclass(frozen=True)
class Speedup:
    """A baseline's median time over another's, and the interval that holds it with CONFIDENCE."""

    ratio: float
    low: float
    high: float


def balanced_orders(names: Sequence[str]) -> list[tuple[str, ...]]:
    """A Williams design: in all orders together each name stands in each place, and right after each other one, equally
    often. For what one leaves behind (warm caches, threads that still spin) is felt by the next.
    """
    count = len(names)
    zigzag = [(place + 1) // 2 if place % 2 else -(place // 2) for place in range(count)]
    orders = [tuple(names[(index + shift) % count] for index in zigzag) for shift in range(count)]
    return orders if count % 2 == 0 else [turned for order in orders for turned in (order, order[::-1])]


def interleaved(
    calls: Mapping[str, Callable[[], Any]], rounds: int, budget: float, clock: Clock = time.perf_counter
) -> dict[str, list[float]]:
    """Seconds of each call in each round, after WARM_UP untimed rounds; in a round each runs once.

    rounds: at most. budget: seconds for each of the calls, after which no round begins but the first LEAST_ROUNDS.
    """
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    orders = cycle(balanced_orders(list(calls)))
    for _ in range(WARM_UP):
        for name in next(orders):
            calls[name]()
    end = clock() + budget * len(calls)
    for done in range(rounds):
        if done >= LEAST_ROUNDS and clock() >= end:
            break
        for name in next(orders):
            start = clock()
            calls[name]()
            seconds[name].append(clock() - start)
    return seconds


def speedup(baseline: Sequence[float], own: Sequence[float]) -> Speedup:
    """From seconds of the same rounds, which are resampled as pairs: a slow moment that hit both counts for nothing."""
    pairs = np.array([baseline, own])
    random = np.random.default_rng(0)
    draws = (pairs[:, random.integers(len(own), size=len(own))] for _ in range(RESAMPLES))
    outside = (100 - CONFIDENCE) / 2
    low, high = np.percentile([_ratio(draw) for draw in draws], [outside, 100 - outside]).tolist()
    return Speedup(_ratio(pairs), low, high)


def _ratio(pairs: np.ndarray[Any, np.dtype[Any]]) -> float:
    first, second = np.median(pairs, axis=1).tolist()
    return float(first / second)
