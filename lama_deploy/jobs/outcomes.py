"""What became of each picture, for the record of a call."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lama_deploy.images.notes import Notes
from lama_deploy.images.pairs import Found, Job

STAGES = ("read", "infer", "write")


@dataclass(frozen=True)
class Ended:
    """How a job ended. error: None for none. seconds: of each of STAGES that it came to; others run beside it.

    how: what was chosen for it, such as the strategy, for JSON.
    """

    error: str | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    how: Mapping[str, Any] = field(default_factory=dict)


Outcome = Callable[[Job, Ended], None]  # is told each job that has ended


def forget(job: Job, ended: Ended) -> None:
    """For who does not want to know."""


class Outcomes:
    """Collects them from any number of threads."""

    def __init__(self) -> None:
        self._ended: dict[Job, Ended] = {}
        self._start = time.perf_counter()

    def __call__(self, job: Job, ended: Ended) -> None:
        self._ended[job] = ended

    def record(
        self,
        found: Found,
        left: Sequence[Job],
        notes: Notes,
        given: Callable[[str], str] = str,
        *,
        why_there: str = "its result was there already",
    ) -> dict[str, Any]:
        """For JSON. left: the jobs that were not done already. state: written, failed, there (before the call) or left
        (by an end before its turn); why: of all but the written. given: a file's name, as it was given.
        """
        of_this_call = set(left)
        return {
            "pictures": [self._picture(job, given, None if job in of_this_call else why_there) for job in found.jobs],
            "without_mask": list(map(str, found.without_mask)),
            "without_image": list(map(str, found.without_image)),
            "not_read": list(map(str, found.not_read)),
            "notes": {text: list(map(given, names)) for text, names in notes.names().items()},
            **self._timings(),
        }

    def _picture(self, job: Job, given: Callable[[str], str], why_there: str | None) -> dict[str, Any]:
        ended = self._ended.get(job, Ended())
        state = "there" if why_there else self._state(job)
        why = why_there or (ended.error if state == "failed" else "the call ended before its turn")
        return {
            "image": given(str(job.image)),
            "mask": None if job.mask is None else given(str(job.mask)),
            "output": given(str(job.output)),
            "state": state,
            "why": None if state == "written" else why,
            "seconds": _rounded(ended.seconds),
            "filled": dict(ended.how) or None,
        }

    def _state(self, job: Job) -> str:
        if job not in self._ended:
            return "left"
        return "written" if self._ended[job].error is None else "failed"

    def _timings(self) -> dict[str, Any]:
        """seconds: of the whole call until now, and of each stage, which run at the same time and add up to more."""
        whole = time.perf_counter() - self._start
        ended = list(self._ended.values())
        stages = {stage: sum(one.seconds.get(stage, 0.0) for one in ended) for stage in STAGES}
        written = sum(one.error is None for one in ended)
        return {"seconds": _rounded({"whole": whole, **stages}), "pictures_per_second": round(written / whole, 3)}


def _rounded(seconds: Mapping[str, float]) -> dict[str, float]:
    return {stage: round(value, 4) for stage, value in seconds.items()}
