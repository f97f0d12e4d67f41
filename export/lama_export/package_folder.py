"""The folder that is Core ML's package, among a bundle's files: known by what is in it, and removed only as that."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from lama_deploy.bundle import PACKAGE, PACKAGE_FILES

FILES = {PurePosixPath(name).relative_to(PACKAGE) for name in PACKAGE_FILES}
FOLDERS = {folder for file in FILES for folder in file.parents if folder.name}


def is_package(folder: Path) -> bool:
    """Whether it holds plain files and folders of a package's names, and nothing else, and no links."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    for place, folders, files in os.walk(folder):
        here = Path(place)
        if any((here / name).is_symlink() for name in (*folders, *files)):
            return False
        below = PurePosixPath(here.relative_to(folder).as_posix())
        if not {below / name for name in files} <= FILES or not {below / name for name in folders} <= FOLDERS:
            return False
    return True


def remove_package(folder: Path) -> None:
    """What `is_package` knows; a file that was put there meanwhile stays, with its folders. Raises OSError."""
    for file in FILES:
        (folder / file).unlink(missing_ok=True)
    for below in sorted(FOLDERS, key=lambda one: -len(one.parts)):
        (folder / below).rmdir()
    folder.rmdir()
