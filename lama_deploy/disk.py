"""What is asked of files, whatever they hold."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from lama_deploy.errors import LamaDeployError, brief
from lama_deploy.temporaries import temporary_file

# Names of what is open already: writing to them is writing there, even where that is a file.
OPEN_ALREADY = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files_below(folder: Path) -> list[Path]:
    """Every file in a folder and below, sorted. Links to folders are followed, and no folder is searched twice."""
    visited: set[tuple[int, int]] = set()
    found: list[Path] = []
    for place, folders, names in os.walk(folder, followlinks=True):
        info = Path(place).stat()
        if (info.st_dev, info.st_ino) in visited:
            folders.clear()
            continue
        visited.add((info.st_dev, info.st_ino))
        folders.sort(key=lambda name: ((Path(place) / name).is_symlink(), name))  # a folder before links to it
        found += (path for path in (Path(place) / name for name in names) if path.is_file())
    return sorted(found)


@contextmanager
def appears_whole(file: str | os.PathLike[str], *, synced: bool = False) -> Iterator[BinaryIO]:
    """An open file for bytes; they take the place of `file` when the block succeeds, and vanish otherwise.

    As with `open`, a link is followed to the file that it names, an old file keeps its permissions, and one that may
    not be written is refused; a device or a pipe gets the bytes at the end. synced: wait for the disk, so that the file
    is whole even where the power fails. Raises OSError when the disk refuses.
    """
    target, old = _place_of(Path(file))
    if target is None:
        content = io.BytesIO()
        yield content
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_APPEND), "wb") as device:
            device.write(content.getbuffer())
        return
    with temporary_file(target.parent) as (path, stream):
        if old is not None:
            with suppress(OSError):  # a file system without permissions
                path.chmod(stat.S_IMODE(old.st_mode) & 0o777)
        yield stream
        stream.flush()
        if synced:
            os.fsync(stream.fileno())
        if os.name == "nt":  # which renames no open file
            stream.close()
        path.replace(target)


def _place_of(file: Path) -> tuple[Path | None, os.stat_result | None]:
    """Where the bytes go, None for what is no file on a disk, and the file that is there. Raises OSError."""
    try:
        old = file.stat()
    except FileNotFoundError:
        return Path(os.path.realpath(file)) if file.is_symlink() else file, None
    if stat.S_ISDIR(old.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
    if not stat.S_ISREG(old.st_mode) or str(file).startswith(OPEN_ALREADY):
        return None, old
    if not os.access(file, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))
    return Path(os.path.realpath(file)) if file.is_symlink() else file, old


def write_whole(file: str | os.PathLike[str], text: str) -> None:
    """The file appears whole or not at all. Raises LamaDeployError when the disk refuses."""
    try:
        with appears_whole(file) as stream:
            stream.write(text.encode())
    except OSError as error:
        raise _unwritable(file, error) from error


def require_writable(file: str | os.PathLike[str]) -> None:
    """Before hours of work, not after. Raises LamaDeployError where `appears_whole` would fail now."""
    try:
        target, _ = _place_of(Path(file))
        if target is not None:
            with temporary_file(target.parent):
                pass
    except OSError as error:
        raise _unwritable(file, error) from error


def require_place(file: str | os.PathLike[str]) -> None:
    """Raises LamaDeployError where the file, or the first of its folders that is to be made, cannot be made now."""
    folders = [folder for folder in Path(file).absolute().parents if folder.exists()]
    try:
        if not Path(file).exists():
            with temporary_file(folders[0]):
                pass
    except OSError as error:
        raise _unwritable(file, error) from error


def _unwritable(file: str | os.PathLike[str], error: OSError) -> LamaDeployError:
    reason, name = brief(error.strerror or error), brief(os.fspath(file))
    return LamaDeployError(f"{name}: cannot be written ({reason}); give a file name in a folder that takes it")
