"""Folders of photographs, with their masks or without."""

from __future__ import annotations

from pathlib import Path

from lama_deploy.errors import DataError, brief
from lama_deploy.images.files import FORMATS

MASK_FILES = "*_mask*.png"
SHIPPED = Path(__file__).parents[1] / "data" / "calibration"  # six photographs that come with the package


def photographs(folder: Path) -> list[Path]:
    """The pictures in a folder and below, masks aside, sorted. Raises DataError for none, or two of one name."""
    require_folder(folder)
    masks = set(folder.rglob(MASK_FILES))
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in FORMATS and path not in masks)
    if not found:
        raise DataError(f"{brief(str(folder))}: no photographs in it; formats: {', '.join(FORMATS)}")
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
