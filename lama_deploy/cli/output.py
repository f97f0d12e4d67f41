"""Standard output and error of a command: whatever they are, a command neither fails nor writes elsewhere for them."""

from __future__ import annotations

import io
import os
import select
import sys
from contextlib import suppress


def prepare_output() -> None:
    """A name that no encoding has is shown escaped. Of 0 to 2, a closed descriptor is given to no file of ours."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


def flush_output() -> None:
    """Raises OSError where it cannot be written; BrokenPipeError where nobody reads it any more."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def silence() -> None:
    """What can no longer be written goes nowhere, so that Python's end says nothing of it."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            try:
                stream.flush()
            except OSError:
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, stream.fileno())
                os.close(null)


def output_is_closed() -> bool:
    """Whether a reader of standard output or error has gone, rather than of some other pipe or socket."""
    if not hasattr(select, "poll"):
        return True  # Windows: the others are rare
    poll = select.poll()
    for descriptor in (1, 2):
        poll.register(descriptor, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
