"""Seconds of work on a GPU, by CUDA events; on a CPU by its clock, so that benchmarks can be tried without a GPU."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, TypeVar

import torch

Key = TypeVar("Key", bound=Hashable)
Run = Callable[[], Any]
WARM_UP = 3  # untimed runs: modules load, libraries choose algorithms and take their memory
MOST_PASSES = 1000


@dataclass(frozen=True)
class Work:
    """run: enqueues `calls` calls of what is measured. warm: the cache shall hold what it reads."""

    run: Run
    calls: int = 1
    warm: bool = False


class Deadline:
    """Of a benchmark as a whole."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds, negative afterwards."""
        return self._end - time.monotonic()

    @property
    def passed(self) -> bool:
        return self.left <= 0


def seconds_of(run: Run, device: torch.device, passes: int = 1) -> float:
    """Seconds of one pass, from the first kernel's turn on the device to the end of the last one."""
    if device.type != "cuda":
        start = time.perf_counter()
        for _ in range(passes):
            run()
        return (time.perf_counter() - start) / passes
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    first.record()
    for _ in range(passes):
        run()
    last.record()
    last.synchronize()
    return first.elapsed_time(last) / 1000 / passes


def interleaved(
    works: Mapping[Key, Work], device: torch.device, rounds: int, least_seconds: float
) -> dict[Key, list[float]]:
    """Seconds of one call of each work in each round; they take turns, `least_seconds` or longer at a time."""
    passes = {key: _passes(work, device, least_seconds) for key, work in works.items()}
    seconds: dict[Key, list[float]] = {key: [] for key in works}
    for _ in range(rounds):
        for key, work in works.items():
            if work.warm:
                work.run()
            seconds[key].append(seconds_of(work.run, device, passes[key]) / work.calls)
    return seconds


def _passes(work: Work, device: torch.device, least_seconds: float) -> int:
    for _ in range(WARM_UP):
        work.run()
    once = seconds_of(work.run, device)
    return max(1, min(MOST_PASSES, round(least_seconds / max(once, 1e-7))))


def summary(seconds: list[float]) -> dict[str, float]:
    """Microseconds."""
    found = {"median_us": median(seconds), "min_us": min(seconds), "max_us": max(seconds)}
    return {name: round(1e6 * value, 3) for name, value in found.items()}


def captured(run: Run) -> Run:
    """The same work as one CUDA graph, its results kept where they are. RuntimeError: it cannot be captured."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        kept = run()

    def replay() -> Any:
        graph.replay()
        return kept

    return replay
