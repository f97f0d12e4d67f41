"""Pictures through standard input and output, each named "-"."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from typing import BinaryIO

from lama_deploy.errors import LamaDeployError
from lama_deploy.temporaries import temporary_folder

STANDARD = Path("-")
CHUNK = 1 << 20


@dataclass(frozen=True)
class Piped:
    """Inputs and output with files in place of "-". folder: where those lie, None for none."""

    inputs: list[Path]
    output: Path
    folder: Path | None = None

    def told(self, text: str) -> str:
        """A message, with what people know in place of the files' names."""
        return text if self.folder is None else text.replace(f"{self.folder}/standard-", "standard ")

    def given(self, name: str) -> str:
        """A file's name, as it was given."""
        return str(STANDARD) if self.folder is not None and Path(name).parent == self.folder else name


@contextmanager
def through_pipes(inputs: Sequence[Path], output: Path, suffix: str, most: int) -> Iterator[Piped]:
    """What the block writes goes to standard output at its end.

    suffix: of a result on standard output, which says its format. most: bytes of standard input that are read; one
    more says that there were more. Raises LamaDeployError for a terminal, and for more than one picture each way.
    """
    if STANDARD not in inputs and output != STANDARD:
        yield Piped(list(inputs), output)
        return
    _check(inputs, output)
    with temporary_folder(Path(tempfile.gettempdir())) as folder:
        read, written = folder / "standard-input", folder / f"standard-output{suffix}"
        if STANDARD in inputs:
            with read.open("wb") as stream:
                _copy(sys.stdin.buffer, stream, most + 1)
        files = [read if one == STANDARD else one for one in inputs]
        yield Piped(files, written if output == STANDARD else output, folder)
        if output == STANDARD and written.is_file():
            with written.open("rb") as stream:
                copyfileobj(stream, sys.stdout.buffer)


def _copy(source: BinaryIO, target: BinaryIO, most: int) -> None:
    """At most so many bytes: a pipe may never end, and would fill the disk."""
    while most > 0 and (chunk := source.read(min(CHUNK, most))):
        target.write(chunk)
        most -= len(chunk)


def _check(inputs: Sequence[Path], output: Path) -> None:
    if list(inputs).count(STANDARD) > 1:
        raise LamaDeployError("standard input (-) holds one picture; give the others as files")
    if output == STANDARD and (len(inputs) > 2 or any(one.is_dir() for one in inputs)):
        raise LamaDeployError("standard output (-) takes one result; give a folder for several")
    if STANDARD in inputs and (sys.stdin is None or sys.stdin.isatty()):  # None: closed
        state = "closed" if sys.stdin is None else "a terminal"
        raise LamaDeployError(f"standard input (-) is {state}; send a picture into it: lama-inpaint - ... < a.png")
    if output == STANDARD and (sys.stdout is None or sys.stdout.isatty()):
        state = "closed" if sys.stdout is None else "a terminal"
        raise LamaDeployError(f"standard output (-) is {state}; send it on: lama-inpaint ... -o - > result.png")
