"""The one rule of what a command may replace: what is there already stays, unless it is asked to go (`--overwrite`).

lama-export's own bundles are the exception, by `lama_export.place`: what an export wrote, the next may replace.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from lama_deploy.disk import OPEN_ALREADY
from lama_deploy.errors import LamaDeployError, brief


def taken(files: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Those that writing there would replace: files with something in them, and folders that are not empty."""
    return [path for path in map(Path, files) if _holds_something(path)]


def require_free(
    files: Iterable[str | os.PathLike[str]], *, overwrite: bool = False, otherwise: str = "give another name"
) -> None:
    """Before the work, not after it. Raises LamaDeployError where one of them is taken and `overwrite` is false.

    otherwise: what can be done besides --overwrite, in the imperative.
    """
    found = [] if overwrite else taken(files)
    if found:
        more = f", and {len(found) - 1} more of the files that would be written" if len(found) > 1 else ""
        exist = "exist" if more else "exists"
        raise LamaDeployError(
            f"{brief(str(found[0]))}{more}: {exist} already and would be replaced; {otherwise}, or --overwrite"
        )


def require_apart(output: Path, inputs: Iterable[Path], option: str, *, inside: bool = False) -> None:
    """Raise LamaDeployError where `output` is a folder of inputs or lies in one, also through links.

    Results among the inputs would be taken for inputs the next time. inside: below one they would not.
    """
    place = Path(os.path.realpath(output))  # unlike Path.resolve no RuntimeError for links in a circle
    for folder in inputs:
        own = Path(os.path.realpath(folder))
        if folder.is_dir() and (place == own if inside else place.is_relative_to(own)):
            raise LamaDeployError(
                f"{option} {brief(str(output))}: is or lies in {brief(str(folder))}, whose files are the input, and "
                "the next run would take the results for input; give a folder outside"
            )


def _holds_something(path: Path) -> bool:
    """False for what is no file on a disk, such as a pipe: nothing is lost by writing there. Never fails."""
    if str(path).startswith(OPEN_ALREADY):
        return False
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            return any(path.iterdir())
    except (OSError, ValueError):  # not there, or it cannot be told: writing there will say why
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size > 0
