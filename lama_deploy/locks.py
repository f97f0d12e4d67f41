"""Locks between processes, held on a file or folder, and free again however their holder ends."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: nothing is held there
    fcntl = None  # type: ignore[assignment]

# What a file system without such locks says, as some NFS are. There nothing is held.
WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
_held: set[int] = set()


@contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold a folder, or a file, which is made where it is not there and stays, against all others who lock it.

    Other machines see it where the file system tells them (NFS from version 4 on, most others not).
    Raises BlockingIOError where somebody holds it and this is not to `wait`, OSError where it cannot be opened.
    """
    if fcntl is None:
        yield
        return
    flags = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o666)
    _held.add(descriptor)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS:
                raise
        yield
    finally:
        _held.discard(descriptor)
        os.close(descriptor)


def _forget() -> None:
    """A forked process has the descriptor too, and would hold the lock longer than its parent lives."""
    for descriptor in list(_held):
        os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
