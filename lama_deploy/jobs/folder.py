"""The pictures of a folder through one Inpainter: what fails is reported, and the others go on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from lama_deploy.arrays import Array
from lama_deploy.errors import ImageError, LamaDeployError, brief, one_line
from lama_deploy.images.files import read_mask, read_photograph, write_photograph
from lama_deploy.images.mask_options import AS_OFFICIAL, MaskOptions
from lama_deploy.images.notes import Notes
from lama_deploy.images.pairs import Job
from lama_deploy.images.photograph import Photograph, filled
from lama_deploy.jobs.outcomes import Outcome, forget
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.runtime.memory import require_run

Progress = Callable[[Sequence[Any]], Any]


def run_all(
    inpainter: Inpainter,
    jobs: Sequence[Job],
    max_pixels: int,
    progress: Progress = iter,
    *,
    mask_options: MaskOptions = AS_OFFICIAL,
    notes: Notes | None = None,
    outcome: Outcome = forget,
    told: Callable[[str], str] = str,
) -> int:
    """Do all jobs, as many at a time as the backend profits from. Returns how many failed.

    notes: gets what is doubtful or lost, by picture. outcome: is told how each ended, from any thread.
    told: an error as people are told it.
    """
    pool = ThreadPoolExecutor(inpainter.workers)
    do = partial(_do, inpainter, max_pixels=max_pixels, mask_options=mask_options, notes=notes or Notes())

    def one(job: Job) -> str | None:
        error = _run(do, told, job)
        outcome(job, error)  # here, so that of an interrupted call what still ended is told too
        return error

    try:
        done = pool.map(one, jobs)
        return sum(error is not None for _, error in zip(progress(jobs), done, strict=True))
    finally:
        pool.shutdown(cancel_futures=True)


def _run(do: Callable[[Job], None], told: Callable[[str], str], job: Job) -> str | None:
    """Do one job; whatever goes wrong with it is one line, which is returned too, so that the others go on."""
    try:
        do(job)
    except LamaDeployError as error:
        reason = str(error)
    except Exception as error:  # a mistake of ours or of an engine's: the others are none the worse for it
        reason = f"{brief(str(job.image))}: failed unexpectedly ({type(error).__name__}: {brief(error)})"
    else:
        return None
    reason = told(reason)
    print(one_line(f"error: {reason}"), file=sys.stderr)
    return one_line(reason)


def _do(inpainter: Inpainter, job: Job, max_pixels: int, mask_options: MaskOptions, notes: Notes) -> None:
    """A picture that this model has not the memory for is not even decoded. Notes on a mask name the mask's file."""
    fits = partial(require_run, inpainter.backend.capabilities)
    note = notes.about(job.image)
    photograph = read_photograph(
        job.image, max_pixels, lambda height, width: fits((1, height, width)), note, one_frame=True
    )
    hole = _hole(job, photograph, max_pixels, mask_options, notes)
    rgb = _inpainted(inpainter, job, photograph, hole)
    write_photograph(job.output, filled(photograph, rgb, hole), note)


def _hole(job: Job, photograph: Photograph, max_pixels: int, mask_options: MaskOptions, notes: Notes) -> Array:
    """Names the picture where only that can be named."""
    note = notes.about(job.mask or job.image)
    try:
        return read_mask(job.mask, photograph, max_pixels, mask_options, note)
    except ImageError as error:
        if job.mask is not None and str(job.mask) in str(error):
            raise
        raise ImageError(f"{brief(str(job.image))}: {error}") from error


def _inpainted(inpainter: Inpainter, job: Job, photograph: Photograph, hole: Array) -> Array:
    """Names the picture where something is wrong with it; a model knows only its pixels."""
    try:
        return inpainter.run(photograph.rgb[None], hole[None])[0]
    except MemoryError as error:
        raise LamaDeployError(
            f"{brief(str(job.image))}: needs more memory than there is; make it smaller, or run fewer at the same time"
        ) from error
    except LamaDeployError as error:
        raise type(error)(f"{brief(str(job.image))}: {error}") from error
