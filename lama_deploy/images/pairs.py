"""Which mask goes with which image, and where the result goes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from lama_deploy.errors import ImageError, brief
from lama_deploy.images.files import FORMATS, format_of
from lama_deploy.images.folders import MASK_FILES, files_below, is_picture

ResultFormat = Literal["png", "jpg", "webp", "tif", "bmp", "same"]
RESULT_FORMATS: tuple[str, ...] = get_args(ResultFormat)
NEED_FOLDER = "several images need a folder for their results"


@dataclass(frozen=True)
class Job:
    """mask: None where boxes and points draw the hole."""

    image: Path
    mask: Path | None
    output: Path


@dataclass(frozen=True)
class Found:
    """The jobs of one call, sorted, and what of its folders is in none of them: not_read are no pictures."""

    jobs: list[Job]
    without_mask: list[Path]
    without_image: list[Path]
    not_read: list[Path]


@dataclass(frozen=True)
class Naming:
    """Of results in a folder. form: PNG by default; "same": as the image has it, where that is written, else PNG.

    suffix: comes behind the name, before its extension.
    """

    form: str | None = None
    suffix: str = ""

    def of(self, stem: str, image: Path) -> str:
        """The file name of an image's result."""
        return f"{stem}{self.suffix}{result_suffix(image, self.form)}"


AS_USUAL = Naming()


@dataclass(frozen=True)
class FilePair:
    """name: of the result below the output folder, without suffix."""

    image: Path
    mask: Path
    name: Path


def find_jobs(image: Path, mask: Path | None, output: Path, names: Naming = AS_USUAL, *, drawn: bool = False) -> Found:
    """Raises ImageError when nothing pairs up, a result would hit an input, or has a name that is not written.

    Two files; two folders (equal stems, or the image's stem + "_mask..."); a folder and one mask for all; or one
    folder as official `bin/predict.py` takes it: NAME.png with NAME_mask*.png, results named after the masks.
    drawn: the hole is drawn, so that without a mask every picture is one to fill.
    """
    for path in (image, mask):
        if path is not None and not path.exists():
            raise ImageError(f"{brief(str(path))}: no such file or folder")
    if image.is_dir():
        _require_folder(output)
        if mask is None and drawn:
            found = _without_masks(image, output, names)
        else:
            found = _of_folders(image, None if mask == image else mask, output, names)
    elif (mask is None and not drawn) or (mask is not None and mask.is_dir()):
        raise ImageError(f"{brief(str(image))} is a file, so MASK must be one too")
    else:
        found = Found([_of_files(image, mask, output, names)], [], [], [])
    for job in found.jobs:
        format_of(job.output)
    _refuse_overwriting(found.jobs)
    return found


def jobs_of_files(images: Sequence[Path], mask: Path | None, output: Path, names: Naming = AS_USUAL) -> Found:
    """Of several image files, with a folder of masks, one mask for all or none; results in the folder `output`.

    Raises ImageError as `find_jobs`, and where `output` is a file.
    """
    for path in (*images, mask):
        if path is not None and not path.exists():
            raise ImageError(f"{brief(str(path))}: no such file or folder")
    folder = next((path for path in images if path.is_dir()), None)
    if folder is not None:
        raise ImageError(f"{brief(str(folder))} is a folder among several images; give one folder, or files alone")
    images = list(dict.fromkeys(images))  # one that is given twice is filled once
    if output.suffix and not output.exists():
        raise ImageError(f"{brief(str(output))}: {NEED_FOLDER}")
    _require_folder(output)
    pairs = _pairs_of_files(images, mask)
    counts = Counter(image for image, _ in pairs)
    jobs = [
        Job(image, one, output / names.of((image if counts[image] == 1 else one or image).stem, image))
        for image, one in pairs
    ]
    if not jobs:
        raise ImageError(f"no mask in {brief(str(mask))} has the name of one of the images (NAME.* or NAME_mask*.*)")
    _refuse_overwriting(jobs)
    return Found(jobs, [image for image in images if not counts[image]], [], [])


def _pairs_of_files(images: Sequence[Path], mask: Path | None) -> list[tuple[Path, Path | None]]:
    if mask is None or not mask.is_dir():
        return [(image, mask) for image in images]
    masks = [path for path in files_below(mask) if is_picture(path)]
    return [(image, one) for image in images for one in _nearest(mask, masks, Path(image.name))]


def official_pairs(folder: Path, files: list[Path] | None = None) -> list[FilePair]:
    """NAME.* with each NAME_mask*.png beside it. files: those below the folder. Raises ImageError for none."""
    files = files_below(folder) if files is None else files
    images: dict[Path, Path] = {}
    for file in files:
        if is_picture(file):
            images.setdefault(file.with_suffix(""), file)
    pairs = []
    for mask in files:
        if mask.match(MASK_FILES):
            image = images.get(mask.with_name(mask.name[: mask.name.rindex("_mask")]))
            if image is not None:
                pairs.append(FilePair(image, mask, mask.relative_to(folder).with_suffix("")))
    if not pairs:
        raise ImageError(
            f"{brief(str(folder))}: no pairs NAME.png with NAME_mask*.png in it; or give images and masks as two "
            "folders"
        )
    return pairs


def _require_folder(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise ImageError(f"{brief(str(output))}: {NEED_FOLDER}")


def _of_files(image: Path, mask: Path | None, output: Path, names: Naming) -> Job:
    if output.is_dir():
        return Job(image, mask, output / names.of(image.stem, image))
    for value, option in ((names.form, "--format"), (names.suffix, "--suffix")):
        if value:
            raise ImageError(f"{brief(str(output))}: its own name says all, so leave {option} out")
    return Job(image, mask, output)


def _without_masks(folder: Path, output: Path, names: Naming) -> Found:
    files = files_below(folder, [folder, output])
    pictures = [path for path in files if is_picture(path)]
    if not pictures:
        raise ImageError(f"{brief(str(folder))}: no picture in it")
    places = [one.relative_to(folder).parent / names.of(one.stem, one) for one in pictures]
    return Found(
        [Job(one, None, output / place) for one, place in zip(pictures, places, strict=True)],
        [],
        [],
        [path for path in files if not is_picture(path) and not path.name.startswith(".")],
    )


def _of_folders(image: Path, mask: Path | None, output: Path, names: Naming) -> Found:
    """Masks in a folder below the images are no images, the other way round, and results below are neither."""
    apart = [path for path in (image, mask, output) if path is not None]
    own = None if mask is None or mask.is_dir() else os.path.realpath(mask)  # one for all may lie among the images
    files = [path for path in files_below(image, apart) if own is None or os.path.realpath(path) != own]
    of_masks = files_below(mask, apart) if mask is not None and mask.is_dir() else []
    pairs = official_pairs(image, files) if mask is None else _paired(image, mask, files, of_masks)
    used = {path for pair in pairs for path in (pair.image, pair.mask)}
    rest = [path for path in files if path not in used]
    return Found(
        [
            Job(pair.image, pair.mask, output / pair.name.parent / names.of(pair.name.name, pair.image))
            for pair in pairs
        ],
        [path for path in rest if is_picture(path) and not (mask is None and path.match(MASK_FILES))],
        [path for path in (rest if mask is None else of_masks) if _is_spare_mask(path, mask is None, used)],
        [path for path in (*files, *of_masks) if not is_picture(path) and not path.name.startswith(".")],
    )


def _is_spare_mask(path: Path, official: bool, used: set[Path]) -> bool:
    return path not in used and is_picture(path) and (not official or path.match(MASK_FILES))


def _paired(images: Path, mask: Path, files: list[Path], of_masks: list[Path]) -> list[FilePair]:
    masks = [path for path in of_masks if is_picture(path)]
    pairs = []
    for file in filter(is_picture, files):
        place = file.relative_to(images)
        chosen = [mask] if not mask.is_dir() else _nearest(mask, masks, place)
        for one in chosen:
            pairs.append(FilePair(file, one, place.with_name(file.stem if len(chosen) == 1 else one.stem)))
    if not pairs:
        raise ImageError(
            f"no mask in {brief(str(mask))} has the name of an image in {brief(str(images))} (NAME.* or NAME_mask*.*)"
        )
    return pairs


def _nearest(folder: Path, masks: list[Path], image: Path) -> list[Path]:
    """The image's masks: those at its own place in the folder where there are any, else anywhere in it."""
    named = [mask for mask in masks if _belongs(mask, image)]
    return [mask for mask in named if mask.relative_to(folder).parent == image.parent] or named


def _belongs(mask: Path, image: Path) -> bool:
    return mask.stem == image.stem or mask.stem.startswith(f"{image.stem}_mask")


def result_suffix(image: Path, form: str | None) -> str:
    """With its dot, of the result in a form as `find_jobs` takes it."""
    if form == "same":
        return image.suffix if image.suffix.lower() in FORMATS else ".png"
    return f".{form or 'png'}"


def _refuse_overwriting(jobs: list[Job]) -> None:
    inputs = {os.path.realpath(path) for job in jobs for path in (job.image, job.mask) if path is not None}
    outputs = set()
    for job in jobs:
        target = os.path.realpath(job.output)  # unlike Path.resolve no RuntimeError for links in a circle
        if target in inputs:
            raise ImageError(f"{brief(str(job.output))}: is an input and would be overwritten; give another -o")
        if target in outputs:
            raise ImageError(f"{brief(str(job.output))}: two results have this name; rename one of the images")
        outputs.add(target)
