"""What is asked of files, whatever they hold."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from lama_deploy.errors import LamaDeployError


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_whole(file: str | os.PathLike[str], text: str) -> None:
    """The file appears whole or not at all. Raises LamaDeployError when the disk refuses."""
    target = Path(file)
    temporary = target.with_name(target.name + ".partial")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(target)
    except OSError as error:
        raise LamaDeployError(f"{target}: cannot be written ({error.strerror or error})") from error
