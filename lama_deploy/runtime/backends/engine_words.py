"""What engines say by themselves, from C: kept out of standard output, which may be a picture or JSON."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def kept_from_stdout() -> Iterator[None]:
    """What C code prints meanwhile goes to nobody; so does what other threads print, so it is for openings alone."""
    if sys.stdout is not None:
        with suppress(OSError, ValueError):  # a closed one
            sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # closed: nothing to keep anything from
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 1)
        yield
    finally:
        ctypes.CDLL(None).fflush(None)  # C holds lines back where the output is no terminal
        os.dup2(kept, 1)
        os.close(kept)
        os.close(null)
