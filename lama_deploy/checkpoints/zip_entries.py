"""Entries of a zip file that are stored as they are, with every size compared with the file's before it is read."""

from __future__ import annotations

import hashlib
import os
import struct
import zipfile
from collections.abc import Collection
from pathlib import Path

from lama_deploy.checkpoints.opening import open_file
from lama_deploy.errors import CheckpointError, UnsafeCheckpointError, brief

# A checkpoint of big-lama with an optimizer's state has 2,600 entries of 100 bytes in its directory.
MOST_DIRECTORY_BYTES = 4 << 20  # which zipfile turns into ten times as much
_ENTRY = b"PK\3\4"  # what torch tells an archive by
_END = struct.Struct("<4s4H2LH")  # the directory's end record, without a comment, at the end of the file
_END64 = struct.Struct("<4sQ2H2L4Q")  # the larger one before it
_LOCATOR = struct.Struct("<4sLQL")  # between them
_FAULTS = (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, struct.error, OSError, KeyError, RuntimeError)


class ZipEntries:
    """An open file. Raises CheckpointError for what is no whole zip file, UnsafeCheckpointError if it is compressed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stream = open_file(path)
        try:
            self.file_size = os.fstat(self._stream.fileno()).st_size
            self._check_directory()
            self._zip = self._directory()
        except BaseException:
            self._stream.close()
            raise
        self._read = 0

    def close(self) -> None:
        self._zip.close()
        self._stream.close()

    @property
    def names(self) -> Collection[str]:
        return self._zip.NameToInfo.keys()

    def size(self, name: str) -> int:
        """Bytes of an entry. Raises CheckpointError where it is missing or larger than the file."""
        return self._entry(name).file_size

    def read(self, name: str) -> bytes:
        """An entry's content, of the right checksum. All reads together are no more than the file has bytes."""
        entry = self._entry(name)
        self._read += entry.file_size
        if self._read > self.file_size:
            raise CheckpointError(f"{self.path}: its entries are together larger than the file; fetch the file again")
        try:
            return self._zip.read(entry)
        except _FAULTS as error:
            raise self._damaged(name) from error

    def sha256(self) -> str:
        """Of the whole file that was opened, whatever stands under its name by now."""
        self._stream.seek(0)
        return hashlib.file_digest(self._stream, "sha256").hexdigest()

    def _entry(self, name: str) -> zipfile.ZipInfo:
        entry = self._zip.NameToInfo.get(name)
        if entry is None:
            raise self._damaged(name)
        if entry.compress_type != zipfile.ZIP_STORED:
            raise UnsafeCheckpointError(f"{self.path}: torch writes uncompressed archives, this one is compressed")
        if entry.file_size != entry.compress_size or entry.header_offset + entry.file_size > self.file_size:
            raise self._damaged(name)
        return entry

    def _damaged(self, name: str) -> CheckpointError:
        name = name.partition("/")[2]
        return CheckpointError(f"{self.path}: entry '{brief(name)}' is missing or damaged; fetch the file again")

    def _directory(self) -> zipfile.ZipFile:
        try:
            found = zipfile.ZipFile(self._stream)
        except _FAULTS as error:
            raise _no_archive(self.path) from error
        if len(found.NameToInfo) != len(found.filelist):
            raise CheckpointError(f"{self.path}: two entries have the same name; fetch the file again")
        return found

    def _check_directory(self) -> None:
        """Raise CheckpointError for a directory that is not where zipfile looks first, or is too large."""
        length = _END.size + _LOCATOR.size + _END64.size
        self._stream.seek(max(0, self.file_size - length))
        tail = self._stream.read(length).rjust(length, b"\0")
        end = _END.unpack_from(tail, length - _END.size)
        if end[0] != b"PK\5\6" or end[-1]:
            raise _no_archive(self.path)
        large = tail[_END64.size :].startswith(b"PK\6\7") and tail.startswith(b"PK\6\6")
        size = _END64.unpack_from(tail)[8] if large else end[5]
        if size > MOST_DIRECTORY_BYTES:
            raise CheckpointError(
                f"{self.path}: its directory has {size:,} bytes, of a checkpoint's at most {MOST_DIRECTORY_BYTES:,}"
            )


def require_stored(path: Path) -> None:
    """Before torch reads an archive, which inflates a thousandfold what is compressed, and as often as it is named.

    Raises as ZipEntries does; nothing for what torch takes for another kind of file.
    """
    with open_file(path) as stream:
        if stream.read(4) != _ENTRY:
            return
    entries = ZipEntries(path)
    try:
        total = sum(map(entries.size, entries.names))
    finally:
        entries.close()
    if total > entries.file_size:
        raise CheckpointError(f"{path}: its entries are together larger than the file; fetch the file again")


def _no_archive(path: Path) -> CheckpointError:
    return CheckpointError(
        f"{path}: not a complete torch archive (truncated download, or saved by torch older than 1.6); "
        "fetch it again or re-save it with a newer torch"
    )
