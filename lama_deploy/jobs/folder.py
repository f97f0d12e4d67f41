"""The pictures of a folder through one Inpainter: what fails is reported, and the others go on."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from lama_deploy.arrays import Array
from lama_deploy.errors import one_line
from lama_deploy.images.files import BeforeAppearing
from lama_deploy.images.notes import Notes
from lama_deploy.images.pairs import Job
from lama_deploy.jobs.outcomes import Ended, Outcome, forget
from lama_deploy.jobs.picture import PictureOptions, PictureWork, ReadPicture, reason_of
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.runtime.pipeline import AHEAD, THREADS, Passed, Pipeline, Work, is_of_memory

Progress = Callable[[Sequence[Any]], Any]
Appearing = Callable[[Job, os.stat_result], None]  # is told each result's file, before it has its name
How = dict[str, Any]  # a picture was filled, for reports
AS_USUAL = PictureOptions()


def run_all(
    inpainter: Inpainter,
    jobs: Sequence[Job],
    options: PictureOptions = AS_USUAL,
    progress: Progress = iter,
    *,
    notes: Notes | None = None,
    outcome: Outcome = forget,
    told: Callable[[str], str] = str,
    appearing: Appearing | None = None,
    in_order: bool = False,
) -> int:
    """Do all jobs; reading, inference and writing at the same time. Returns how many failed.

    Errors are said on stderr in the order of the jobs; pictures that there was no memory for beside others are tried
    once more at the end, alone. notes: gets what is doubtful or lost, by picture. outcome: is told how each ended, from
    any thread, also of a call that is interrupted. told: an error as people are told it. in_order: pictures come to
    the model in the order of the jobs, one by one, for what depends on it.
    """
    pictures, kept = PictureWork(inpainter, options), notes or Notes()
    work = _work(pictures, appearing)
    again: list[Job] = []

    def passing(some: Sequence[Job], bar: Progress, *, last: bool) -> int:
        def ended(passed: Passed[Job, How]) -> None:
            if last or not is_of_memory(passed.error):
                error = None if passed.error is None else told(reason_of(passed.item, passed.error))
                outcome(passed.item, Ended(error, dict(passed.seconds), passed.result or {}))

        workers, readers = (1, 1) if in_order else (inpainter.workers, THREADS)
        pipeline = Pipeline(work, workers=workers, readers=readers, ahead=1 if last else AHEAD, ended=ended)
        with closing(pipeline.run(some)) as run:
            failed = 0
            for _, one in zip(bar(some), run, strict=True):
                failed += _failed(one, told, None if last else again)
                kept.take(pictures.notes_of(one.item))
            return failed

    failed = passing(jobs, progress, last=False)
    return failed + passing(again, iter, last=True)


def _work(pictures: PictureWork, appearing: Appearing | None) -> Work[Job, ReadPicture, Array, How]:
    def write(job: Job, picture: ReadPicture, rgb: Array) -> How:
        return pictures.write(job, picture, rgb, _before(job, appearing))

    return Work(pictures.read, pictures.infer, write)


def _before(job: Job, appearing: Appearing | None) -> BeforeAppearing | None:
    return None if appearing is None else lambda found: appearing(job, found)


def _failed(passed: Passed[Job, How], told: Callable[[str], str], again: list[Job] | None) -> bool:
    """Whether it failed for good, which is said. again: gets what is to be tried alone."""
    if passed.error is None:
        return False
    if again is not None and is_of_memory(passed.error):
        again.append(passed.item)
        return False
    print(one_line(f"error: {told(reason_of(passed.item, passed.error))}"), file=sys.stderr)
    return True
