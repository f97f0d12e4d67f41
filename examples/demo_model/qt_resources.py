"""Qt's binary resource files (.rcc), as far as pictures and texts in them need it: plain and zlib entries.

A file is a tree of nodes, a table of names and the data; the header gives the offset of each, all big-endian. Children
of a directory lie one after the other in the tree, and always after the directory itself.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from corpus_errors import CorpusError

MAGIC = b"qres"
NODE_SIZE = {1: 14, 2: 22, 3: 22}  # by format version; from 2 on a node ends with a modification time
ZLIB, DIRECTORY, ZSTD = 1, 2, 4  # a node's flags
ROOT = 0


def read_resources(data: bytes, wanted: Callable[[str], bool], file_name: str) -> Iterator[tuple[str, bytes]]:
    """(path, content) of each wanted entry. Raises CorpusError, which names the file, for anything damaged."""
    try:
        resources = _Resources.parse(data)
        for path, node in resources.walk():
            if wanted(path):
                yield path, resources.content(node)
    except (struct.error, zlib.error, UnicodeDecodeError) as error:
        raise CorpusError(f"{file_name}: a truncated or damaged Qt resource file ({error})") from error
    except _FormatError as error:
        raise CorpusError(f"{file_name}: {error}") from error


class _FormatError(Exception):
    """What is wrong, for read_resources to put the file's name before."""


@dataclass(frozen=True)
class _Resources:
    data: bytes
    version: int
    tree: int  # this and the next two: offsets in data
    contents: int
    names: int

    @classmethod
    def parse(cls, data: bytes) -> _Resources:
        if not data.startswith(MAGIC):
            raise _FormatError("no Qt resource file: it does not start with 'qres'")
        version, tree, contents, names = struct.unpack_from(">4I", data, len(MAGIC))
        if version not in NODE_SIZE:
            raise _FormatError(f"Qt resource format {version} is unknown; known: 1 to {max(NODE_SIZE)}")
        return cls(data, version, tree, contents, names)

    def walk(self, directory: int = ROOT, path: str = "") -> Iterator[tuple[str, int]]:
        """(path, offset of its node) of each file below a directory, a node's number."""
        count, first = struct.unpack_from(">2I", self.data, self._offset(directory) + 6)
        if first <= directory:  # a crafted file could make its tree a circle
            raise _FormatError("a damaged Qt resource file (a directory before its parent)")
        for number in range(first, first + count):
            name_offset, flags = struct.unpack_from(">IH", self.data, self._offset(number))
            child = f"{path}/{self._name(name_offset)}".removeprefix("/")
            if flags & DIRECTORY:
                yield from self.walk(number, child)
            else:
                yield child, self._offset(number)

    def content(self, node: int) -> bytes:
        flags, offset = struct.unpack_from(">4xH4xI", self.data, node)
        (length,) = struct.unpack_from(">I", self.data, self.contents + offset)
        stored = self._bytes(self.contents + offset + 4, length)
        if flags & ZSTD:
            raise _FormatError("an entry is compressed by zstd, which is not supported")
        return zlib.decompress(stored[4:]) if flags & ZLIB else stored  # 4: the size, before zlib's own header

    def _offset(self, number: int) -> int:
        return self.tree + number * NODE_SIZE[self.version]

    def _name(self, offset: int) -> str:
        start = self.names + offset
        (characters,) = struct.unpack_from(">H", self.data, start)
        return self._bytes(start + 6, 2 * characters).decode("utf-16-be")  # 6: past the length and the name's hash

    def _bytes(self, start: int, length: int) -> bytes:
        found = self.data[start : start + length]
        if len(found) < length:
            raise _FormatError("a truncated Qt resource file")
        return found
