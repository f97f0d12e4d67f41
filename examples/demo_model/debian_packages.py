"""Debian packages read in place: a .deb is an `ar` of tars, and needs neither dpkg nor a folder to unpack into."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO

from corpus_errors import CorpusError
from qt_resources import read_resources

AR_MAGIC = b"!<arch>\n"
AR_HEADER = 60  # bytes: name 16, ..., size 10 at 48, "`\n" at 58
AR_HEADER_END = b"`\n"
DAMAGE = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError)


@dataclass(frozen=True)
class Package:
    """The wanted files by path; one inside an archive has the archive's path, ":" and its own."""

    name: str
    version: str
    files: Mapping[str, bytes]


def find_packages(folder: Path, names: Iterable[str]) -> dict[str, Path]:
    """The .deb of each name. Raises CorpusError, with the command that gets them, when some are missing."""
    found = {name: sorted(folder.glob(f"{name}_*.deb")) for name in names}
    missing = [name for name, paths in found.items() if not paths]
    if missing:
        raise CorpusError(
            f"{folder}: {len(missing)} of {len(found)} packages are missing; "
            f"on Debian 12, in that directory: apt-get download {' '.join(missing)}"
        )
    for name, paths in found.items():
        if len(paths) > 1:
            versions = ", ".join(path.name for path in paths)
            raise CorpusError(f"{folder}: more than one version of {name}, leave one of {versions}")
    return {name: paths[0] for name, paths in found.items()}


def read_package(path: Path, wanted: Callable[[str], bool]) -> Package:
    """Read the wanted files into memory. Raises CorpusError for a file that is no whole .deb."""
    control: dict[str, str] = {}
    files: dict[str, bytes] = {}
    try:
        with path.open("rb") as stream:
            for member in _seek_members(stream, path):
                if member.startswith("control.tar"):
                    control = _control_fields(stream)
                elif member.startswith("data.tar"):
                    files = dict(_wanted_files(stream, wanted))
    except DAMAGE as error:
        raise CorpusError(f"{path}: not a whole Debian package that Python can read ({error})") from error
    if not {"Package", "Version"} <= control.keys():
        raise CorpusError(f"{path}: a Debian package without name or version")
    return Package(control["Package"], control["Version"], files)


def _seek_members(stream: IO[bytes], path: Path) -> Iterator[str]:
    """The names of an ar file's members; after each, the stream stands at its content."""
    if stream.read(len(AR_MAGIC)) != AR_MAGIC:
        raise CorpusError(f"{path}: no Debian package")
    while header := stream.read(AR_HEADER):
        if not header.endswith(AR_HEADER_END):
            raise CorpusError(f"{path}: a truncated or damaged Debian package")
        size = int(header[48:58])
        following = stream.tell() + size + size % 2
        yield header[:16].decode("ascii").rstrip(" /")
        stream.seek(following)


def _tar_files(stream: IO[bytes]) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """(path, a function that reads it) of each regular file; to be read before the next is asked for."""
    with tarfile.open(fileobj=stream, mode="r|*") as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            if content is not None:
                yield member.name.removeprefix("./"), content.read


def _control_fields(stream: IO[bytes]) -> dict[str, str]:
    text = next((read().decode() for path, read in _tar_files(stream) if path == "control"), "")
    lines = (line.partition(":") for line in text.splitlines() if not line.startswith(" "))
    return {field: value.strip() for field, _, value in lines}


def _wanted_files(stream: IO[bytes], wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    for path, read in _tar_files(stream):
        if path.endswith(tuple(ARCHIVES)):
            yield from _archive_members(path, read(), wanted)
        elif wanted(path):
            yield path, read()


def _archive_members(path: str, data: bytes, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    members = ARCHIVES[Path(path).suffix](data, lambda inner: wanted(f"{path}:{inner}"), path)
    return ((f"{path}:{inner}", content) for inner, content in members)


def _read_zip(data: bytes, wanted: Callable[[str], bool], _: str) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(BytesIO(data)) as archive:
        yield from ((name, archive.read(name)) for name in archive.namelist() if wanted(name))


ARCHIVES = {".rcc": read_resources, ".pk3": _read_zip}
