"""What the package logs, as commands say it: one line on stderr that begins with "note: "."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from lama_deploy.errors import one_line

PACKAGES = ("lama_deploy", "lama_export")


class _Notes(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(one_line(f"note: {record.getMessage()}"), file=sys.stderr)  # above a bar, where there is one


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
