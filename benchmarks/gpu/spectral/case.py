"""One case of `run.py`: a size, a dtype and a layout, all candidates side by side."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from benchmarks.gpu.ceilings import DTYPES
from benchmarks.gpu.names import KERNELS
from benchmarks.gpu.spectral.counts import Unit
from benchmarks.gpu.spectral.units import Compute, can_compute, checked_error, compute_of, parameters_of
from benchmarks.gpu.timing import Work, captured, interleaved, summary
from lama_deploy.native.library import SpectralLibrary

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
    candidates: tuple[str, ...]
    rotated_bytes: int
    rounds: int
    least_seconds: float


def needed_bytes(case: Case, rotated_bytes: int) -> int:
    """An estimate: float64 maps and spectra of the check, then inputs and results of all launches."""
    elements = case.unit.batch * case.unit.channels * case.unit.height * case.unit.width
    return 48 * elements + 4 * max(rotated_bytes, 2 * elements * DTYPES[case.dtype].itemsize)


@torch.inference_mode()
def measured(case: Case, conditions: Conditions) -> list[Row]:
    """A row for each candidate, launch and state of the cache, or for each failure."""
    inputs = _inputs(case, conditions)
    parameters = parameters_of(case.unit.channels, DTYPES[case.dtype], conditions.device)
    exact = parameters.exact(inputs[0])
    works: dict[Launch, Work] = {}
    errors, failures = {}, []
    for candidate in conditions.candidates:
        if not can_compute(candidate, DTYPES[case.dtype], conditions.device, conditions.library):
            continue
        try:
            compute = compute_of(candidate, parameters, conditions.library)
            errors[candidate] = checked_error(compute(inputs[0]), exact, inputs[0].dtype)
            for launch, work in _works(candidate, compute, inputs):
                works[candidate, *launch] = work
        except Exception as error:  # whatever one candidate dies of, the others go on
            traceback.print_exc()
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


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".split("\n")[0][:300]
