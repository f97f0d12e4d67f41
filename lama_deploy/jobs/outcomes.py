"""What became of each picture, for the record of a call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lama_deploy.images.notes import Notes
from lama_deploy.images.pairs import Found, Job

Outcome = Callable[[Job, str | None], None]  # is told each job that has ended, and its error, None for none


def forget(job: Job, error: str | None) -> None:
    """For who does not want to know."""


class Outcomes:
    """Collects them from any number of threads."""

    def __init__(self) -> None:
        self._errors: dict[Job, str | None] = {}

    def __call__(self, job: Job, error: str | None) -> None:
        self._errors[job] = error

    def record(
        self, found: Found, left: Sequence[Job], notes: Notes, given: Callable[[str], str] = str
    ) -> dict[str, Any]:
        """For JSON. left: the jobs that were not done already. state: written, failed, there (before the call) or left
        (by an end before its turn). given: a file's name, as it was given.
        """
        of_this_call = set(left)
        return {
            "pictures": [
                {
                    "image": given(str(job.image)),
                    "mask": None if job.mask is None else given(str(job.mask)),
                    "output": given(str(job.output)),
                    "state": self._state(job) if job in of_this_call else "there",
                    "error": self._errors.get(job),
                }
                for job in found.jobs
            ],
            "without_mask": list(map(str, found.without_mask)),
            "without_image": list(map(str, found.without_image)),
            "not_read": list(map(str, found.not_read)),
            "notes": {text: list(map(given, names)) for text, names in notes.names().items()},
        }

    def _state(self, job: Job) -> str:
        if job not in self._errors:
            return "left"
        return "written" if self._errors[job] is None else "failed"
