"""Files and folders that are not whole yet: nobody else's, in the folder of what they become, known again after a kill.

Names are random, short, and carry a check, so that what a person happens to call alike is never taken for ours. Who
writes one holds a lock on it (flock) until it has its final name; one that nobody holds was left by a process that was
killed, and the next process that writes into the folder removes it. On a file system without such locks (some NFS)
nothing is removed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedRandom
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: no such locks, so left-overs stay
    fcntl = None  # type: ignore[assignment]

NAME = re.compile(r"\.lama-([0-9a-f]{16})([0-9a-f]{8})\.partial")
_NO_LINKS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_living: set[Path] = set()  # of this process: entered before they are made, so that a signal at any moment misses none
_visited: set[tuple[int, int]] = set()  # folders without left-overs: looked at once a process, however many are written


def new_name() -> str:
    token = secrets.token_hex(8)
    return f".lama-{token}{_check(token)}.partial"


def is_ours(name: str) -> bool:
    """Whether this package made the name, by its form and its check."""
    found = NAME.fullmatch(name)
    return found is not None and found[2] == _check(found[1])


def _check(token: str) -> str:
    return hashlib.sha256(f"lama-deploy {token}".encode()).hexdigest()[:8]


@contextmanager
def temporary_file(folder: Path) -> Iterator[tuple[Path, BufferedRandom]]:
    """A new file, open for writing and reading, and its path; gone after the block unless it was renamed.

    Raises OSError when the disk refuses.
    """
    folder = folder.absolute()
    remove_left_overs(folder)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINKS
    path, descriptor = _made(folder, lambda path: os.open(path, flags, 0o666))
    try:
        with os.fdopen(descriptor, "w+b") as stream:
            try:
                yield path, stream
            except BaseException:
                with suppress(OSError):  # what is still to be written may be what the disk refuses
                    stream.close()
                raise
    finally:
        _remove(path)
        _living.discard(path)


@contextmanager
def temporary_folder(folder: Path) -> Iterator[Path]:
    """A new folder in this one; gone after the block, with all that is in it, unless it was renamed. Raises OSError."""
    folder = folder.absolute()
    remove_left_overs(folder)

    def make(path: Path) -> int:
        path.mkdir()
        return os.open(path, os.O_RDONLY) if fcntl else -1

    path, descriptor = _made(folder, make)
    try:
        yield path
    finally:
        _remove(path)
        _living.discard(path)
        if descriptor >= 0:
            os.close(descriptor)


def remove_living() -> None:
    """Remove what this process is writing: for its end by a signal, when nobody will come to the end of a block."""
    for path in list(_living):
        _remove(path)


def remove_left_overs(folder: Path) -> None:
    """Remove what killed processes left in a folder; looks at each folder once. Never fails."""
    with suppress(OSError):
        found = folder.stat()
        if (found.st_dev, found.st_ino) in _visited:
            return
        with os.scandir(folder) as entries:
            ours = [entry.path for entry in entries if is_ours(entry.name)]
        for path in ours:
            with suppress(OSError):
                _remove_if_left(Path(path))
        _visited.add((found.st_dev, found.st_ino))


def _made(folder: Path, make: Callable[[Path], int]) -> tuple[Path, int]:
    """A path that `make` has made, and its descriptor, which holds the lock. Raises OSError."""
    while True:
        path = folder / new_name()
        _living.add(path)
        try:
            descriptor = make(path)
        except BaseException as error:
            if isinstance(error, Exception):  # a signal may have come just after it was made
                _living.discard(path)
            raise
        if descriptor < 0 or _is_held(descriptor, path):
            return path, descriptor
        os.close(descriptor)
        _living.discard(path)


def _is_held(descriptor: int, path: Path) -> bool:
    """Lock it; False where another process took it for a left-over before it was locked, and removed it."""
    if fcntl is None:
        return True
    with suppress(OSError):  # no locks here: then nobody else can take it for one
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


def _remove_if_left(path: Path) -> None:
    """Raises OSError where somebody holds it, or it is not ours to remove."""
    if fcntl is None:
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | _NO_LINKS)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid() or not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(path))
        _remove(path)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    with suppress(OSError):
        if stat.S_ISDIR(path.lstat().st_mode):
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_living.clear)  # they are the parent's
