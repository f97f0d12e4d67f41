"""One case of `run.py`: a size, a dtype and a layout, all candidates side by side."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from benchmarks.gpu.ceilings import DTYPES
from benchmarks.gpu.names import CANDIDATES, KERNELS
from benchmarks.gpu.spectral.counts import Unit
from benchmarks.gpu.spectral.units import Compute, Parameters, can_compute, compute_of
from benchmarks.gpu.timing import Work, captured, interleaved, summary
from lama_deploy.native.library import SpectralLibrary
from tests.lama_deploy.native.unit_tolerance import TOLERANCE, unit_parameters

FORMATS = {"NHWC": torch.channels_last, "NCHW": torch.contiguous_format}
WARM_CALLS = 8  # of one timed run on the same input

Row = dict[str, Any]
Launch = tuple[str, str, str]  # candidate; "calls" from Python or "graph"; "cold" or "warm"


@dataclass(frozen=True)
class Case:
    unit: Unit
    dtype: str
    layout: str

    def described(self) -> Row:
        u = self.unit
        return {"batch": u.batch, "height": u.height, "width": u.width, "dtype": self.dtype, "layout": self.layout}


@dataclass(frozen=True)
class Conditions:
    """rotated_bytes: what inputs are at least in all, so that none is in the cache when its turn comes again."""

    device: torch.device
    library: SpectralLibrary | None
    rotated_bytes: int
    rounds: int
    least_seconds: float


@torch.inference_mode()
def measured(case: Case, conditions: Conditions) -> list[Row]:
    """A row for each candidate, launch and state of the cache, or for each failure."""
    inputs, parameters = _inputs(case, conditions), _parameters(case, conditions.device)
    works: dict[Launch, Work] = {}
    errors, failures = {}, []
    for candidate in CANDIDATES:
        if not can_compute(candidate, DTYPES[case.dtype], conditions.device, conditions.library):
            continue
        try:
            compute = compute_of(candidate, parameters, conditions.library)
            errors[candidate] = _checked_error(compute, inputs[0], parameters)
            for launch, work in _works(candidate, compute, inputs):
                works[candidate, *launch] = work
        except Exception as error:  # whatever one candidate dies of, the others go on
            failures.append({**case.described(), "candidate": candidate, "failed": _line(error)})
    seconds = interleaved(works, conditions.device, conditions.rounds, conditions.least_seconds)
    rows = [
        {**case.described(), "candidate": candidate, "launch": launch, "cache": cache, "error": errors[candidate]}
        | summary(seconds[candidate, launch, cache])
        for candidate, launch, cache in works
    ]
    return rows + failures


def forget(device: torch.device) -> None:
    """Give back what the last case took: compiled code, graphs, memory."""
    torch.compiler.reset()
    gc.collect()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.empty_cache()


def _works(candidate: str, compute: Compute, inputs: list[Tensor]) -> Iterator[tuple[tuple[str, str], Work]]:
    def cold() -> list[Tensor]:
        return [compute(x) for x in inputs]  # all results at once, so that they rotate too

    def warm() -> None:
        for _ in range(WARM_CALLS):
            compute(inputs[0])

    runs = {"cold": (cold, len(inputs)), "warm": (warm, WARM_CALLS)}
    for state, (run, calls) in runs.items():
        yield ("calls", state), Work(run, calls, warm=state == "warm")
    if candidate not in KERNELS or not inputs[0].is_cuda:  # torch.fft's unit copies from the host, which no graph can
        return
    for state, (run, calls) in runs.items():
        yield ("graph", state), Work(captured(run), calls, warm=state == "warm")


def _inputs(case: Case, conditions: Conditions) -> list[Tensor]:
    u, dtype = case.unit, DTYPES[case.dtype]
    shape = (u.batch, u.channels, u.height, u.width)
    size = u.batch * u.channels * u.height * u.width * dtype.itemsize
    count = max(2, -(-conditions.rotated_bytes // size))
    random = torch.Generator(conditions.device).manual_seed(0)
    drawn = (torch.randn(shape, generator=random, device=conditions.device) for _ in range(count))
    return [x.to(dtype, memory_format=FORMATS[case.layout]) for x in drawn]


def _parameters(case: Case, device: torch.device) -> Parameters:
    return Parameters(*unit_parameters(case.unit.channels, DTYPES[case.dtype], str(device)))


def _checked_error(compute: Compute, x: Tensor, parameters: Parameters) -> float:
    """The difference's norm as a share of the result's. ArithmeticError beyond the tolerance of x's dtype.

    Largest values alone would say little: the ReLU makes an impulse at the origin, far above all else in a large map.
    """
    exact, found = parameters.exact(x), compute(x)
    difference, allowed = found.double() - exact, TOLERANCE[x.dtype]
    error, largest = ((difference.norm(p) / exact.norm(p)).item() for p in (2, torch.inf))
    if found.dtype != x.dtype or not (error <= allowed and largest <= allowed):  # NaN is not
        raise ArithmeticError(f"wrong: error {error:.2g}, of the largest value {largest:.2g}; allowed {allowed:g}")
    return error


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".split("\n")[0][:300]
