"""Folders of photographs, with their masks or without."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from lama_deploy.errors import DataError, brief
from lama_deploy.images.files import FORMATS

# What a folder's pictures are told by: all names of the formats that are read; those of FORMATS are written too.
READABLE = (*FORMATS, ".jpe", ".jfif", ".apng", ".gif", ".ppm", ".pgm", ".pbm", ".pnm", ".avif")
MASK_FILES = "*_mask*.png"
SHIPPED = Path(__file__).parents[1] / "data" / "calibration"  # six photographs that come with the package


def files_below(folder: Path, besides: Iterable[Path] = ()) -> list[Path]:
    """All files in a folder and below, sorted, but for those in the folders `besides`.

    Links to folders are followed, each folder once however many links lead to it, by its own place where it has one.
    """
    seen = {os.path.realpath(one) for one in besides} - {os.path.realpath(folder)}
    found: list[Path] = []
    waiting = [folder]
    while waiting:
        for root, folders, names in os.walk(waiting.pop(0)):
            real = os.path.realpath(root)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            found += [Path(root, name) for name in names]
            waiting += sorted(Path(root, name) for name in folders if Path(root, name).is_symlink())
    return sorted(found)


def is_picture(path: Path) -> bool:
    """By its name; pipes and devices are none."""
    return path.suffix.lower() in READABLE and path.is_file()


def photographs(folder: Path) -> list[Path]:
    """The pictures in a folder and below, masks aside, sorted. Raises DataError for none, or two of one name."""
    require_folder(folder)
    found = [path for path in files_below(folder) if path.suffix.lower() in READABLE and not path.match(MASK_FILES)]
    if not found:
        raise DataError(f"{brief(str(folder))}: no photographs in it; formats: {', '.join(READABLE)}")
    by_name: dict[str, Path] = {}
    for path in found:
        twin = by_name.setdefault(name_in(folder, path), path)
        if twin != path:
            raise DataError(
                f"{brief(str(twin))} and {brief(str(path))}: their pairs would have one name; rename or remove one"
            )
    return found


def name_in(folder: Path, path: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise DataError(
            f"{brief(str(folder))}: no such folder; --data takes a folder of pairs, or of photographs with --masks"
        )
