"""What the package logs, as commands say it: one line on stderr that begins with "note: "."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

from lama_deploy.errors import one_line

PACKAGES = ("lama_deploy", "lama_export")


class _Notes(logging.Handler):
    tell: Callable[[str], None] | None = None

    def emit(self, record: logging.LogRecord) -> None:
        text = one_line(record.getMessage())
        if _Notes.tell is not None:
            _Notes.tell(text)
        else:
            tqdm.write(f"note: {text}", file=sys.stderr)  # above a bar, where there is one


@contextmanager
def notes_told_by(tell: Callable[[str], None]) -> Iterator[None]:
    """While the block runs, notes are its own to tell: for programs that write a log."""
    _Notes.tell = tell
    try:
        yield
    finally:
        _Notes.tell = None


@contextmanager
def logged_as_notes() -> Iterator[None]:
    """While the block runs, warnings of the package's loggers are notes. Handlers of others hear them too."""
    handler = _Notes(logging.WARNING)
    loggers = [logging.getLogger(name) for name in PACKAGES]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
