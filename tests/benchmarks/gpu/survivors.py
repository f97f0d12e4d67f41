"""Which processes are left of a tree of them: a mark in their environment tells."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

MARK = "LAMA_TEST_MARK"
MOST_SECONDS = 30.0  # until what is being ended has ended


def survivors(mark: str) -> list[str]:
    """Command lines of living processes with the mark, once none is left or MOST_SECONDS have passed."""
    end = time.monotonic() + MOST_SECONDS
    while (found := list(_living(mark))) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def _living(mark: str) -> Iterator[str]:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            if f"{MARK}={mark}".encode() in (process / "environ").read_bytes():
                yield (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
