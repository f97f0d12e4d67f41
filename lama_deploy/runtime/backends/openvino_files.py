"""A model of OpenVINO as files: read once, and a cache that goes by their content."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import xml.etree.ElementTree as ElementTree
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lama_deploy.bundle import IO_PROPERTY, PRECISION_PROPERTY
from lama_deploy.cache import kept_in_cache
from lama_deploy.errors import BundleError, LamaDeployError, brief

PREFIX = "lama-"  # of folders in a cache, which may be one that other things are kept in
NAME = re.compile(f"{PREFIX}[0-9a-f]{{32}}")
COMPILED = ".blob"  # suffix of what OpenVINO writes there
KEPT = 8  # models whose compiled forms stay in the cache: each takes about as much disk as its weights


@dataclass(frozen=True)
class ModelFiles:
    """`model.xml` and the weights beside it, in memory.

    From a path OpenVINO would map the weights, and a file that is overwritten later would show through in models that
    run; it would read the path again at new shapes; and its cache goes by path, size and second of the last change,
    so that of weights exchanged within it, compiled and read ones would be mixed (seen in 2026.4).
    """

    path: Path
    xml: bytes
    weights: bytes

    @classmethod
    def read(cls, path: Path) -> ModelFiles:
        """Raises BundleError."""
        weights = path.with_suffix(".bin")
        for file in (path, weights):
            if not file.is_file():
                raise BundleError(f"{file}: no such file; OpenVINO's models are two, model.xml and model.bin")
        try:
            return cls(path, path.read_bytes(), weights.read_bytes())
        except OSError as error:
            raise BundleError(f"{path}: cannot be read ({error.strerror})") from error

    def properties(self) -> tuple[str, str | None]:
        """(interface, precision) as lama-export wrote them into the file; "" and None where it did not."""
        try:
            root = ElementTree.fromstring(self.xml)
        except (ElementTree.ParseError, LookupError, ValueError) as error:  # the last two: of unknown encodings
            raise BundleError(f"{self.path}: damaged ({brief(error)}); export it again") from error
        found = [root.find("rt_info/" + name.replace(".", "/")) for name in (IO_PROPERTY, PRECISION_PROPERTY)]
        io, precision = (None if element is None else element.get("value") for element in found)
        return io or "", precision

    @cached_property
    def digest(self) -> str:
        digest = hashlib.sha256(self.xml)
        digest.update(self.weights)
        return digest.hexdigest()

    def cache_properties(self, cache: str | os.PathLike[str] | None) -> dict[str, object]:
        """Where OpenVINO keeps what it compiles of this model. No cache where the user's cannot be written.

        cache: a folder, None for the user's, "" for none. Raises LamaDeployError for one that cannot be written.
        """
        if cache == "":
            return {}
        models = Path(cache) if cache else kept_in_cache("openvino")
        if models is None:
            return {}
        folder = models / f"{PREFIX}{self.digest[:32]}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder.touch()  # used last
        except (OSError, ValueError) as error:  # ValueError: a NUL in it
            if cache:
                reason = brief(getattr(error, "strerror", None) or error)
                raise LamaDeployError(
                    f"{brief(str(models))}: cannot be a cache ({reason}); give a folder, or none"
                ) from error
            return {}
        _forget_oldest(folder)
        return {"CACHE_DIR": str(folder)}


def _forget_oldest(used: Path) -> None:
    """Other processes may be using or removing the same; what a person keeps in this folder stays."""
    ages = {}
    with suppress(OSError):
        for folder in used.parent.iterdir():
            with suppress(OSError):
                if folder != used and _is_ours(folder):
                    ages[folder] = folder.stat().st_mtime_ns
    for folder in sorted(ages, key=ages.__getitem__)[: max(0, len(ages) - (KEPT - 1))]:
        with suppress(OSError):
            for file in folder.glob(f"*{COMPILED}"):
                file.unlink()
            folder.rmdir()


def _is_ours(folder: Path) -> bool:
    """By its name, and holding nothing but what OpenVINO writes. Raises OSError."""
    if not NAME.fullmatch(folder.name) or folder.is_symlink() or not folder.is_dir():
        return False
    return all(file.suffix == COMPILED and stat.S_ISREG(file.lstat().st_mode) for file in folder.iterdir())
