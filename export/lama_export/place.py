"""Where a bundle goes: looked at before the work, and again when the new bundle takes its place.

Only what an export wrote is ever replaced or removed. The swap is two renames: the old bundle aside, the new one in. A
kill between them leaves both whole; the next export to the same place finds the old one and puts it back.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from lama_deploy.bundle import ENGINE, MANIFEST, MODEL, MODELS, MOST_BYTES, PACKAGE, PACKAGE_FILES, PLUGIN_FILE
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.errors import BundleError, brief
from lama_deploy.locks import locked
from lama_deploy.temporaries import remove_left_overs, temporary_folder
from lama_export.package_folder import is_package, remove_package

log = logging.getLogger(__name__)
VERDICT = "verify.json"  # which lama-verify writes beside the manifest
# A manifest that names anything else was not written by lama-export, and is not believed.
WRITTEN = {*MODELS.values(), MODEL, f"{MODEL}.data", ENGINE, "model.bin"}
OTHER_PLACE = "give another --out"


@contextmanager
def new_bundle(out: str | os.PathLike[str], checkpoint: Checkpoint, *, overwrite: bool = False) -> Iterator[Path]:
    """An empty folder beside `out` that takes its place when the block succeeds, and vanishes otherwise.

    overwrite: a bundle is replaced also where other files lie beside it, which stay. Raises BundleError before the
    block where `out` cannot be the place, and after it where that has changed meanwhile; then the new bundle is kept
    under the name that the message tells.
    """
    place = _place(Path(out))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with locked(place.parent, wait=True):
            _recover(place)
        _require(place, checkpoint, overwrite)
        with temporary_folder(place.parent) as building:
            yield building
            with locked(place.parent, wait=True):
                _swap(building, place, overwrite)
    except OSError as error:
        reason = brief(error.strerror or error)
        raise BundleError(f"{_name(place)}: cannot be written ({reason}); {OTHER_PLACE}") from error


def _place(out: Path) -> Path:
    """Its absolute path, through links but for a last one. Raises BundleError."""
    try:
        here = Path.cwd()
        if "\0" in os.fspath(out):
            raise ValueError("a null byte")
        place = out.resolve() if out.name in ("", "..") else out.parent.resolve() / out.name
        is_link, is_mount = place.is_symlink(), os.path.ismount(place)
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a circle of links; ValueError: a NUL
        raise BundleError(
            f"{_name(out)}: cannot be a folder ({brief(getattr(error, 'strerror', None) or error)}); {OTHER_PLACE}"
        ) from error
    if here.is_relative_to(place):
        raise BundleError(f"{_name(out)}: is the folder that this runs in, or around it; give a folder in it")
    if is_link:
        raise BundleError(f"{_name(out)}: is a link; give the folder itself, or {OTHER_PLACE.removeprefix('give ')}")
    if is_mount:
        raise BundleError(f"{_name(out)}: is a mount point, which cannot be replaced; give a folder in it")
    return place


def _require(place: Path, checkpoint: Checkpoint, overwrite: bool) -> None:
    """Raise BundleError unless a new bundle may be put there. Raises OSError where the path cannot be."""
    weights = checkpoint.path.resolve()
    if weights.is_relative_to(place):
        raise BundleError(f"{_name(place)}: holds the weights that are exported; {OTHER_PLACE}")
    if weights.parent.name == "models" and place.is_relative_to(weights.parent.parent):
        raise BundleError(f"{_name(place)}: lies in the folder of the checkpoint; {OTHER_PLACE}")
    with suppress(FileNotFoundError):
        place.lstat()
        if not place.is_dir():
            raise BundleError(f"{_name(place)}: is a file; {OTHER_PLACE}")
        remove_left_overs(place)
        foreign = _foreign(place, overwrite)
        if foreign is not None:
            raise BundleError(f"{_name(place)}: {_objection(foreign, overwrite)}; {OTHER_PLACE}")


def _foreign(folder: Path, overwrite: bool) -> str | None:
    """The first entry, in order of name, that may not be replaced. overwrite: nor kept, since ours has that name."""
    own = _own(folder)
    return next(
        (
            name
            for name in sorted(path.name for path in folder.iterdir())
            if name not in own and (not overwrite or _is_written(name) or name == MANIFEST)
        ),
        None,
    )


def _is_written(name: str) -> bool:
    """By lama-export, or by who put the plugin of another platform beside it."""
    return name in WRITTEN or re.fullmatch(PLUGIN_FILE, name) is not None


def _objection(name: str, overwrite: bool) -> str:
    if overwrite:
        return f"{brief(name)} in it is no file of a bundle, and a new one would have that name"
    return f"holds {brief(name)}, which is no file of a bundle; with --overwrite it stays, beside the new files"


def _own(folder: Path) -> set[str]:
    """The names of plain files in it that an export, or lama-verify after it, wrote; none where there is no bundle.

    And of the folder that is Core ML's package, where it holds nothing else.
    """
    manifest = folder / MANIFEST
    try:
        if manifest.stat().st_size > MOST_BYTES:
            return set()
        content = json.loads(manifest.read_bytes())
        named = (
            {PACKAGE if name in PACKAGE_FILES else name for name in content["files"]}
            if content["format"] and content["generator"]
            else set()
        )
        named = {name for name in named if _is_written(name)}
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return set()
    ours = {name for name in {*named, MANIFEST, VERDICT} if _is_plain(folder / name)}
    return ours if named else set()


def _is_plain(path: Path) -> bool:
    return not path.is_symlink() and (is_package(path) if path.name == PACKAGE else path.is_file())


def _swap(building: Path, place: Path, overwrite: bool) -> None:
    """Raises BundleError where something else is there by now, OSError where the disk refuses."""
    aside = _aside(place)
    if place.is_dir() and not place.is_symlink():
        try:
            place.rename(aside)
            foreign = _foreign(aside, overwrite)  # nobody finds the folder any more who would put something into it
            if foreign is not None:
                raise _kept(building, place, _objection(foreign, overwrite))
            building.chmod(aside.stat().st_mode & 0o777)
            building.rename(place)
            _finish(aside, place)
        except BaseException:  # a signal too, after which no other one comes here
            if os.path.lexists(aside) and not os.path.lexists(place):
                aside.rename(place)
            elif os.path.lexists(aside) and not building.exists():
                _finish(aside, place)
            raise
        return
    try:
        if os.path.lexists(place):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        building.rename(place)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            raise
        raise _kept(building, place, "appeared while this was exported") from error


def _kept(building: Path, place: Path, reason: str) -> BundleError:
    """Give the new bundle a free name beside its place; the error tells it. Raises OSError."""
    stem = place.name if len(os.fsencode(place.name)) < 200 else "bundle"
    other = next(name for n in count(1) if not os.path.lexists(name := place.with_name(f"{stem}-{n}")))
    building.rename(other)
    return BundleError(f"{_name(place)}: {reason}; the new bundle is whole, in {_name(other)}")


def _aside(place: Path) -> Path:
    """Where the old bundle lies between the renames: a name that the next export to this place knows."""
    digest = hashlib.sha256(os.fsencode(place.name)).hexdigest()
    return place.with_name(f".lama-{digest[:24]}.replaced")


def _recover(place: Path) -> None:
    """Bring what an export was killed in to its end: the old bundle back, or what it kept beside the new one."""
    aside = _aside(place)
    if not aside.is_dir() or aside.is_symlink():
        return
    if not os.path.lexists(place):
        aside.rename(place)
    elif place.is_dir():
        _finish(aside, place)


def _finish(aside: Path, place: Path) -> None:
    """Remove the old bundle; what is no file of it moves to the new one, or stays aside where it cannot."""
    own = _own(aside)
    for name in [path.name for path in aside.iterdir()]:
        if name not in own and not os.path.lexists(place / name):
            with suppress(OSError):
                (aside / name).rename(place / name)
    for name in sorted(own, key=lambda name: name == MANIFEST):  # the manifest, which names the others, last
        with suppress(OSError):
            remove_package(aside / name) if name == PACKAGE else (aside / name).unlink()
    try:
        aside.rmdir()
    except OSError:
        log.warning("%s keeps what could not be moved beside the new bundle", _name(aside))


def _name(path: Path) -> str:
    return brief(os.fspath(path))
