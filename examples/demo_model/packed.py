"""The packed corpus: one file that travels to a machine with a GPU. An uncompressed tar of a few kinds of file.

PACK.json            the pictures' sides in pixels, and every other file's SHA-256
LICENCES.tsv         what each picture is, by whom and under which licence
train/*/*.jpg        pictures to train on, their short side cut to `train_side`
test/*.jpg           held-out photographs, their short side `held_out_side`
networks/*.pth       networks that losses and metrics look through, in half precision

Nothing in it is ever run: pictures are decoded, and networks are read as tensors only.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from corpus_errors import CorpusError
from lama_deploy.disk import appears_whole
from records import FILE_NAME as LICENCES

TABLE = "PACK.json"
FORMAT = 1
TRAIN, HELD_OUT, NETWORKS = "train", "test", "networks"
ALLOWED = re.compile(rf"{LICENCES}|({TRAIN}/[\w-]+|{HELD_OUT})/[\w.+-]+\.jpg|{NETWORKS}/[\w-]+\.pth", re.ASCII)
LARGEST_FILE = 100_000_000  # bytes; no picture nor network in a pack comes near


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Short sides in pixels, of pictures to train on and of held-out photographs."""

    train_side: int
    held_out_side: int


@dataclass(frozen=True)
class Unpacked:
    """A pack laid out in a folder. sha256: of the packed file. networks: files by the names of `find_backbone`."""

    folder: Path
    sides: Sides
    sha256: str
    networks: Mapping[str, Path]

    @property
    def train(self) -> Path:
        return self.folder / TRAIN

    @property
    def held_out(self) -> Path:
        return self.folder / HELD_OUT


def write_pack(path: Path, sides: Sides, files: Mapping[str, bytes]) -> int:
    """The file appears whole or not at all, the same bytes for the same content. Returns its size in bytes."""
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    table = json.dumps({"format": FORMAT, **asdict(sides), "files": hashes}, indent=0).encode()
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in [(TABLE, table), *sorted(files.items())]:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    with appears_whole(path) as stream:
        stream.write(data.getbuffer())
    return len(data.getbuffer())


def unpack(pack: Path, folder: Path) -> Unpacked:
    """Lay a pack out in an empty folder. Raises CorpusError for what is no whole pack."""
    try:
        content = pack.read_bytes()
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
            files = _members(pack, tar)
            sides, hashes = _table(pack, next(files, ("", b"")))
            names = [_write_checked(pack, folder, name, data, hashes) for name, data in files]
    except OSError as error:
        raise CorpusError(f"{pack}: cannot be read or laid out ({error.strerror or error})") from error
    except tarfile.TarError as error:
        raise CorpusError(f"{pack}: no whole pack ({error}); copy it again, or make it with pack.py") from error
    missing = sorted(set(hashes) - set(names))
    if missing:
        raise CorpusError(f"{pack}: cut short: {len(missing)} files are missing, first {missing[0]}; copy it again")
    networks = {path.stem: path for path in sorted((folder / NETWORKS).glob("*.pth"))}
    return Unpacked(folder, sides, hashlib.sha256(content).hexdigest(), networks)


def _members(pack: Path, tar: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in tar:
        stream = tar.extractfile(member) if member.isreg() and member.size <= LARGEST_FILE else None
        if stream is None:
            raise CorpusError(f"{pack}: {member.name!r} in it is no plain file of a pack; nothing was done with it")
        yield member.name, stream.read()


def _table(pack: Path, first: tuple[str, bytes]) -> tuple[Sides, dict[str, str]]:
    try:
        if first[0] != TABLE:
            raise ValueError(f"its first file is not {TABLE}")
        table = json.loads(first[1])
        if table["format"] != FORMAT:
            raise ValueError(f"format {table['format']!r}, this program reads {FORMAT}")
        sides = Sides(**{name: _side(table[name]) for name in Sides.__dataclass_fields__})
        return sides, dict(table["files"])
    except (ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{pack}: no pack that pack.py made ({error}); make it with pack.py") from error


def _side(value: object) -> int:
    if not isinstance(value, int) or not 1 <= value <= 1 << 14:
        raise ValueError(f"a side of {value!r} pixels")
    return value


def _write_checked(pack: Path, folder: Path, name: str, data: bytes, hashes: Mapping[str, str]) -> str:
    if not ALLOWED.fullmatch(name) or name not in hashes:
        raise CorpusError(f"{pack}: {name!r} does not belong into a pack; make it again with pack.py")
    if hashlib.sha256(data).hexdigest() != hashes[name]:
        raise CorpusError(f"{pack}: {name} is cut short or damaged; copy the pack again")
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return name


def not_allowed(names: Iterable[str]) -> list[str]:
    """The names that no pack may hold."""
    return [name for name in names if not ALLOWED.fullmatch(name)]
