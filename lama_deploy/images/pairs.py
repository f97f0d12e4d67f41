"""Which mask goes with which image, and where the result goes."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from pathlib import Path

from lama_deploy.errors import ImageError, brief
from lama_deploy.images.files import FORMATS


@dataclass(frozen=True)
class Job:
    image: Path
    mask: Path
    output: Path


def find_jobs(image: Path, mask: Path | None, output: Path) -> list[Job]:
    """Jobs of one call, in sorted order. Raises ImageError when nothing pairs up or a result would hit an input.

    Two files; two folders (equal stems, or the image's stem + "_mask..."); a folder and one mask for all; or one
    folder as official `bin/predict.py` takes it: NAME.png with NAME_mask*.png, results named after the masks.
    """
    for path in (image, mask):
        if path is not None and not path.exists():
            raise ImageError(f"{brief(str(path))}: no such file or folder")
    if image.is_dir():
        jobs = _official_jobs(image, output) if mask in (None, image) else _folder_jobs(image, mask, output)
    elif mask is None or mask.is_dir():
        raise ImageError(f"{brief(str(image))} is a file, so MASK must be one too")
    else:
        jobs = [Job(image, mask, output / f"{image.stem}.png" if output.is_dir() else output)]
    _refuse_overwriting(jobs)
    return jobs


def images_without_mask(image: Path, mask: Path | None, jobs: list[Job]) -> list[Path]:
    """Of two folders, the images that no job uses."""
    if mask is None or mask == image or not image.is_dir():
        return []
    used = {job.image for job in jobs}
    return [path for path in _pictures(image) if path not in used]


def _official_jobs(folder: Path, output: Path) -> list[Job]:
    jobs = []
    for mask in sorted(folder.rglob("*_mask*.png")):
        stem = mask.name[: mask.name.rindex("_mask")]
        image = next((file for file in sorted(mask.parent.glob(f"{glob.escape(stem)}.*")) if _is_picture(file)), None)
        if image is not None:
            jobs.append(Job(image, mask, output / mask.relative_to(folder)))
    if not jobs:
        raise ImageError(
            f"{brief(str(folder))}: no pairs NAME.png with NAME_mask*.png in it; or give images and masks as two "
            "folders"
        )
    return jobs


def _folder_jobs(images: Path, mask: Path | None, output: Path) -> list[Job]:
    assert mask is not None
    files = _pictures(images)
    masks = _pictures(mask) if mask.is_dir() else []
    jobs = []
    for file in files:
        chosen = [mask] if not mask.is_dir() else _nearest(mask, masks, file.relative_to(images))
        for one in chosen:
            name = file.stem if len(chosen) == 1 else one.stem
            jobs.append(Job(file, one, output / file.relative_to(images).with_name(f"{name}.png")))
    if not jobs:
        raise ImageError(
            f"no mask in {brief(str(mask))} has the name of an image in {brief(str(images))} (NAME.* or NAME_mask*.*)"
        )
    return jobs


def _nearest(folder: Path, masks: list[Path], image: Path) -> list[Path]:
    """The image's masks: those at its own place in the folder where there are any, else anywhere in it."""
    named = [mask for mask in masks if _belongs(mask, image)]
    return [mask for mask in named if mask.relative_to(folder).parent == image.parent] or named


def _belongs(mask: Path, image: Path) -> bool:
    return mask.stem == image.stem or mask.stem.startswith(f"{image.stem}_mask")


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if _is_picture(path))


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in FORMATS and path.is_file()


def _refuse_overwriting(jobs: list[Job]) -> None:
    inputs = {os.path.realpath(path) for job in jobs for path in (job.image, job.mask)}
    outputs = set()
    for job in jobs:
        target = os.path.realpath(job.output)  # unlike Path.resolve no RuntimeError for links in a circle
        if target in inputs:
            raise ImageError(f"{brief(str(job.output))}: is an input and would be overwritten; give another -o")
        if target in outputs:
            raise ImageError(f"{brief(str(job.output))}: two results have this name; rename one of the images")
        outputs.add(target)
