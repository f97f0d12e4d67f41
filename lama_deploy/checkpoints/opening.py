"""Opening the file of a checkpoint."""

from __future__ import annotations

from io import BufferedReader
from pathlib import Path

from lama_deploy.errors import CheckpointError


def open_file(path: Path) -> BufferedReader:
    """For bytes. Raises CheckpointError where that is not allowed."""
    try:
        return path.open("rb")
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}); allow it, or give another file") from error
