"""Pictures through standard input and output, each named "-"."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lama_deploy.errors import LamaDeployError
from lama_deploy.temporaries import temporary_folder

STANDARD = Path("-")


@contextmanager
def through_pipes(inputs: Sequence[Path], output: Path, suffix: str) -> Iterator[tuple[list[Path], Path]]:
    """(inputs, output) with files in place of "-"; what the block writes goes to standard output at its end.

    suffix: of a result on standard output, which says its format. Raises LamaDeployError for a terminal, and for more
    than one picture each way.
    """
    if STANDARD not in inputs and output != STANDARD:
        yield list(inputs), output
        return
    _check(inputs, output)
    with temporary_folder(Path(tempfile.gettempdir())) as folder:
        read, written = folder / "standard-input", folder / f"standard-output{suffix}"
        if STANDARD in inputs:
            with read.open("wb") as stream:
                shutil.copyfileobj(sys.stdin.buffer, stream)
        yield [read if one == STANDARD else one for one in inputs], written if output == STANDARD else output
        if output == STANDARD and written.is_file():
            with written.open("rb") as stream:
                shutil.copyfileobj(stream, sys.stdout.buffer)


def _check(inputs: Sequence[Path], output: Path) -> None:
    if list(inputs).count(STANDARD) > 1:
        raise LamaDeployError("standard input (-) holds one picture; give the others as files")
    if output == STANDARD and (len(inputs) > 2 or any(one.is_dir() for one in inputs)):
        raise LamaDeployError("standard output (-) takes one result; give a folder for several")
    if STANDARD in inputs and sys.stdin.isatty():
        raise LamaDeployError("standard input (-) is a terminal; send a picture into it: lama-inpaint - ... < a.png")
    if output == STANDARD and sys.stdout.isatty():
        raise LamaDeployError("standard output (-) is a terminal; send it on: lama-inpaint ... -o - > result.png")
