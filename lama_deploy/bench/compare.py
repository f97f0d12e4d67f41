"""How fast models are against each other, size by size; only those whose results are right get a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from lama_deploy.arrays import Array
from lama_deploy.bench.candidates import Candidate
from lama_deploy.bench.timing import CONFIDENCE, LEAST_ROUNDS, WARM_UP, Clock, Speedup, Summary, interleaved, speedup
from lama_deploy.errors import ParityError
from lama_deploy.proof.hole_errors import HoleErrors
from lama_deploy.proof.parity import ToleranceError, require_composite, run_at
from lama_deploy.proof.subjects import Photograph, Size
from lama_deploy.proof.tolerance import Limits, wider
from lama_deploy.reports.machine import OtherPrograms

METHOD = (
    "All models are open in one process and share its processors and memory. At each size all get the same photograph "
    "and mask, as bytes in host memory. Each first result (first_s: what is compiled or allocated for the size "
    "included) and each last one are compared with the baseline's inside the hole; what is off by more than the "
    "tolerance gets no time. "
    f"Then come {WARM_UP} untimed rounds, then timed ones, in each of which every model runs once, in orders in which "
    "each follows each other one about equally often. A time is that of Backend.run by time.perf_counter: from bytes "
    "to a result in host memory, copies to and from a GPU included. The ratio is that of medians, the baseline's over "
    f"the model's own; its {CONFIDENCE}% interval comes from resampling rounds as pairs."
)
BUSY = 0.1  # share of the processors that other programs may take
NOT_MEASURED = (
    "Opening a model; reading and writing picture files; several requests at a time; memory; a model that has the "
    "machine for itself; pictures that stay on the GPU."
)


@dataclass(frozen=True)
class Row:
    """One candidate at one size.

    failure: why there are no times. first_s: of the first call. found, limits: of the latest result against the size's
    baseline; None where there was no right one. speedup: over the baseline. others: the share of the processors that
    other programs took during the rounds; None where it is unknown.
    """

    size: str
    candidate: str
    failure: str | None = None
    first_s: float | None = None
    found: HoleErrors | None = None
    limits: Limits | None = None
    is_baseline: bool = False
    seconds: tuple[float, ...] = ()
    speedup: Speedup | None = None
    others: float | None = None

    @property
    def summary(self) -> Summary | None:
        return Summary.of(self.seconds) if self.seconds else None

    def to_dict(self) -> dict[str, Any]:
        found = self.found and self.found.to_dict()
        return {**asdict(self), "found": found, "summary": asdict(self.summary) if self.summary else None}


@dataclass(frozen=True)
class Schedule:
    """rounds: at most. budget: seconds for each candidate at each size, after which no round begins (`interleaved`)."""

    rounds: int
    budget: float
    clock: Clock = time.perf_counter

    def to_dict(self) -> dict[str, Any]:
        return {"rounds": self.rounds, "seconds": self.budget, "least_rounds": min(LEAST_ROUNDS, self.rounds)}


def bench(
    candidates: Sequence[Candidate],
    sizes: Sequence[Size],
    plan: Schedule,
    progress: Callable[[Sequence[Size]], Any] = iter,
) -> list[Row]:
    """A row for each candidate at each size, in their order. Of each size the first that runs is the baseline."""
    return [row for size in progress(sizes) for row in _rows(candidates, size, plan)]


def _rows(candidates: Sequence[Candidate], size: Size, plan: Schedule) -> list[Row]:
    images, masks = Photograph(0, size).pictures()
    trials = [_Trial(candidate, size, images, masks) for candidate in candidates]
    reference: _Reference | None = None
    for trial in trials:
        trial.begin(plan.clock, exact=reference is None)
        if trial.is_good:
            own = _Reference(trial.candidate, trial.result)
            trial.judge(reference or own)
            reference = reference or (own if trial.is_good else None)
    others = OtherPrograms()
    seconds = _timed([trial for trial in trials if trial.is_good], plan)
    share = others.share()
    for trial in trials:
        if trial.is_good and reference is not None and not trial.candidate.is_eager:
            trial.judge(reference)  # again, what was timed last: graphs are captured after the first call
    right = {trial.row.candidate: seconds[trial.row.candidate] for trial in trials if trial.is_good}
    return [replace(_with_times(trial.row, right), others=share) for trial in trials]


def _timed(trials: Sequence[_Trial], plan: Schedule) -> dict[str, list[float]]:
    """Where one fails the others begin again, so that all rounds are whole."""
    while trials:
        try:
            calls = {trial.row.candidate: trial.run for trial in trials}
            return interleaved(calls, plan.rounds, plan.budget, plan.clock)
        except ParityError:
            trials = [trial for trial in trials if trial.is_good]
    return {}


def _with_times(row: Row, seconds: Mapping[str, list[float]]) -> Row:
    if row.candidate not in seconds:
        return row
    baseline, own = next(iter(seconds)), seconds[row.candidate]
    ratio = speedup(seconds[baseline], own)
    return replace(row, is_baseline=row.candidate == baseline, seconds=tuple(own), speedup=ratio)


@dataclass(frozen=True)
class _Reference:
    """What the results of one size are held to."""

    candidate: Candidate
    result: Array


class _Trial:
    """A candidate at one size. row: what is known so far. result: of its latest run."""

    def __init__(self, candidate: Candidate, size: Size, images: Array, masks: Array) -> None:
        self.candidate = candidate
        self.row = Row(str(size), candidate.name, candidate.refusal(size))
        self.result = images
        self._size, self._images, self._masks = size, images, masks

    @property
    def is_good(self) -> bool:
        return self.row.failure is None

    def begin(self, clock: Clock, exact: bool) -> None:
        """The first run. exact: of eager PyTorch without TF32, to hold others to it."""
        if not self.is_good:
            return
        with _exact_float32() if exact and self.candidate.is_eager else nullcontext(), suppress(ParityError):
            start = clock()
            self.run()
            self.row = replace(self.row, first_s=clock() - start)

    def run(self) -> None:
        """Raises ParityError, which is in the row then."""
        try:
            self.result = run_at(self._size, self.candidate.run, self._images, self._masks)
        except ParityError as error:
            self.row = replace(self.row, failure=str(error))
            raise

    def judge(self, reference: _Reference) -> None:
        """Fails the row where the latest result is no composite, or too far from the reference."""
        try:
            require_composite(self.result, self._images, self._masks, self._size)
            self._compare(reference)
        except ParityError as error:
            self.row = replace(self.row, failure=str(error))

    def _compare(self, reference: _Reference) -> None:
        others = (self.candidate, reference.candidate)
        eager = max((one.eager for one in others if one.eager), key=lambda known: known.rms, default=None)
        limits = wider(one.tolerance for one in others).photograph.limits(eager)
        found = HoleErrors.of(reference.result, self.result, self._masks)
        broken = limits.broken_by(found)
        if broken:
            raise ToleranceError(f"WRONG against {reference.candidate.name}: {'; '.join(broken)}{_why(*others)}")
        self.row = replace(self.row, found=found, limits=limits)


def _why(candidate: Candidate, reference: Candidate) -> str:
    same = candidate.weights["sha256"] == reference.weights["sha256"]
    return "" if same else "; it was made from another checkpoint"


def _exact_float32() -> AbstractContextManager[None]:
    """PyTorch's default on GPUs, TF32 in convolutions, is what a user gets of it, but nothing to judge others by."""
    from lama_deploy.model.exact_float32 import exact_float32

    return exact_float32()
