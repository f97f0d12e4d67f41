"""What is asked of files, whatever they hold."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lama_deploy.errors import LamaDeployError


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def appears_whole(file: str | os.PathLike[str], *, synced: bool = False) -> Iterator[Path]:
    """A name to write under; what is there takes the place of `file` when the block succeeds, and vanishes otherwise.

    Another process may be writing the same file, so no two blocks get the same name. synced: wait for the disk, so that
    the file is whole even where the power fails. Raises OSError when the disk refuses.
    """
    target = Path(file)
    temporary = target.with_name(f"{target.name}.{secrets.token_hex(4)}.partial")
    try:
        yield temporary
        if synced:
            with temporary.open("r+b") as stream:
                os.fsync(stream.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(file: str | os.PathLike[str], text: str) -> None:
    """The file appears whole or not at all. Raises LamaDeployError when the disk refuses."""
    try:
        with appears_whole(file) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LamaDeployError(f"{file}: cannot be written ({error.strerror or error})") from error
