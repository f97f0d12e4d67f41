"""Where pictures come from: a folder tree, or the tar shards that WebDataset writes; both by random access.

Shards are indexed once by their tar headers, so that training from them is seeded, shuffled over everything and
resumable like training from files.
"""

from __future__ import annotations

import logging
import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ImageOps

from lama_deploy.disk import files_below
from lama_deploy.errors import ConfigError, DataError, LamaDeployError, brief
from lama_deploy.images.opening import decoded, most_bytes, pillow_quiet
from lama_deploy.images.pixel_modes import rgb_of

log = logging.getLogger(__name__)
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
MASK_NAME = re.compile(r"_mask\d*\.png$", re.IGNORECASE)  # as official test sets call them, beside their pictures

Picture = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class PictureRef:
    """A file, or `size` bytes from `offset` of a shard. `group` is the top folder, "" without one."""

    path: Path
    group: str
    name: str
    offset: int = 0
    size: int | None = None

    def read(self) -> bytes:
        """The encoded bytes, one too many where a picture may not have so many. Raises OSError."""
        most = most_bytes() + 1
        with self.path.open("rb") as stream:
            stream.seek(self.offset)
            return stream.read(most if self.size is None else min(self.size, most))


def find_pictures(folder: Path) -> list[PictureRef]:
    """Every picture under `folder`, in its files and in its .tar shards, sorted. Links to folders are followed.

    What is called as masks are is left out, and logged. Raises DataError when there is none.
    """
    if not folder.exists():
        raise DataError(f"{brief(str(folder))}: no such folder; give one with pictures or .tar shards")
    files = [folder] if folder.is_file() else files_below(folder)
    found: list[PictureRef] = []
    for path in files:
        if path.suffix.lower() in SUFFIXES:
            name = path.name if path == folder else str(path.relative_to(folder))
            found.append(PictureRef(path, _group(path, folder), name))
        elif path.suffix.lower() == ".tar":
            found += _index_shard(path, _group(path, folder))
    masks = [ref.name for ref in found if MASK_NAME.search(ref.name)]
    if masks:
        told = "%s: %d pictures are masks by their names and are not trained on, such as %s"
        log.warning(told, brief(str(folder)), len(masks), brief(masks[0]))
        found = [ref for ref in found if not MASK_NAME.search(ref.name)]
    if not found:
        raise DataError(
            f"{brief(str(folder))}: no pictures here; allowed are {', '.join(SUFFIXES)} and .tar shards of them"
        )
    return found


def _group(path: Path, folder: Path) -> str:
    parts = path.relative_to(folder).parts if path != folder else (path.name,)
    return parts[0] if len(parts) > 1 else ""


def _index_shard(path: Path, group: str) -> list[PictureRef]:
    try:
        members = _members(path)
    except Exception as error:  # tarfile trusts sizes, numbers and nesting in headers, and fails in any way it likes
        raise DataError(
            f"{brief(str(path))}: no readable, uncompressed tar shard ({brief(error)}); write it again"
        ) from error
    return [
        PictureRef(path, group, f"{path.name}/{member.name}", member.offset_data, member.size)
        for member in members
        if member.isfile() and Path(member.name).suffix.lower() in SUFFIXES
    ]


def _members(path: Path) -> list[tarfile.TarInfo]:
    """All of a shard. Raises whatever tarfile does, and ReadError for members that it would follow without end."""
    members: list[tarfile.TarInfo] = []
    with path.open("rb") as stream, tarfile.open(fileobj=stream, mode="r:") as shard:
        while (member := shard.next()) is not None:
            members.append(member)
            if member.size < 0 or shard.offset < member.offset_data:
                raise tarfile.ReadError(f"a size below 0, in member {len(members)}")
        stream.seek(shard.offset)
        if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):  # tarfile takes any rest for the end
            raise tarfile.ReadError(f"damaged or cut short after {len(members)} members")
    return members


def decode(ref: PictureRef) -> Picture:
    """RGB uint8 (H, W, 3) of any mode, turned as its EXIF says and without transparency, as official code reads it.

    Raises DataError.
    """
    try:
        with pillow_quiet(), decoded(ref.read()) as image:
            return rgb_of(ImageOps.exif_transpose(image))
    except (OSError, LamaDeployError) as error:
        raise DataError(
            f"{brief(ref.name)}: unreadable ({brief(getattr(error, 'strerror', None) or error)})"
        ) from error


def by_shares(refs: list[PictureRef], shares: Mapping[str, float]) -> list[int]:
    """Indices into `refs`, repeated so that groups come up in the given proportions; all once without shares.

    Raises ConfigError where a share names no group.
    """
    if not shares:
        return list(range(len(refs)))
    groups = {name: [i for i, ref in enumerate(refs) if ref.group == name] for name in shares}
    empty = [name for name, members in groups.items() if not members or shares[name] <= 0]
    if empty:
        known = ", ".join(sorted({ref.group for ref in refs})) or "none"
        raise ConfigError(f"data.shares: '{brief(empty[0])}' has no pictures or no positive share; subfolders: {known}")
    unit = max(len(members) / shares[name] for name, members in groups.items())
    return [members[i % len(members)] for name, members in groups.items() for i in range(round(unit * shares[name]))]
