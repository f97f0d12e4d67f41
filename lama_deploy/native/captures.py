"""CUDA graphs while they are captured: one at a time in this process, and what they read is kept as long as they are.

Waiting for a whole device breaks every capture under way on it, whichever thread's: torch.cuda.graph does so when it
begins, and so does who frees what the device may still read (CUDA Runtime API, cudaStreamBeginCapture). So captures,
and whatever waits for a device, take CAPTURING.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

CAPTURING = threading.RLock()

_of_thread = threading.local()


@contextmanager
def kept() -> Iterator[set[object]]:
    """Around a capture: the set gets all that `keep` is given on this thread. Whoever has the graph keeps the set."""
    outer, _of_thread.kept = getattr(_of_thread, "kept", None), set()
    try:
        yield _of_thread.kept
    finally:
        _of_thread.kept = outer


def keep(thing: object) -> bool:
    """Whether somebody keeps the thing for the graph that this thread captures."""
    found: set[object] | None = getattr(_of_thread, "kept", None)
    if found is None:
        return False
    found.add(thing)
    return True
