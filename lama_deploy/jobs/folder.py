"""The pictures of a folder through one Inpainter: what fails is reported, and the others go on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from lama_deploy.errors import LamaDeployError
from lama_deploy.images.files import read_mask, read_photograph, write_photograph
from lama_deploy.images.pairs import Job
from lama_deploy.runtime.inpainter import Inpainter

Progress = Callable[[Sequence[Any]], Any]


def run_all(inpainter: Inpainter, jobs: Sequence[Job], max_pixels: int, progress: Progress = iter) -> int:
    """Do all jobs, as many at a time as the backend profits from. Returns how many failed."""
    pool = ThreadPoolExecutor(inpainter.workers)
    try:
        done = pool.map(partial(_run, inpainter, max_pixels=max_pixels), jobs)
        return sum(not good for _, good in zip(progress(jobs), done, strict=True))
    finally:
        pool.shutdown(cancel_futures=True)


def _run(inpainter: Inpainter, job: Job, max_pixels: int) -> bool:
    """Do one job; report its error and return False when it fails, so that the others go on."""
    try:
        photograph = read_photograph(job.image, max_pixels)
        hole = read_mask(job.mask, photograph, max_pixels)
        rgb = inpainter.run(photograph.rgb[None], hole[None])[0]
        write_photograph(job.output, replace(photograph, rgb=rgb))
    except LamaDeployError as error:
        print(f"error: {error}", file=sys.stderr)
        return False
    return True
