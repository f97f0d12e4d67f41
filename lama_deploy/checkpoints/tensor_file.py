"""The files that hold tensors, read alike: torch's archives and .safetensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Protocol, Self

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.pickle_values import TensorRef
from lama_deploy.checkpoints.safetensors_file import SafetensorsContent, SafetensorsFile
from lama_deploy.checkpoints.search import Groups
from lama_deploy.checkpoints.torch_archive import TorchArchive


class TensorFile(Protocol):
    """An open file: `groups` says what is in it, `read` loads some of it, by names in a group.

    Raises CheckpointError for what is damaged; `check` looks whether tensors lie in the file as it says.
    """

    @property
    def metadata(self) -> Mapping[str, str]: ...
    @property
    def groups(self) -> Groups: ...
    def check(self, group: str, names: Iterable[str]) -> None: ...
    def read(self, group: str, names: Iterable[str]) -> dict[str, Array]: ...
    def sha256(self) -> str: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None: ...


def open_tensors(path: Path) -> TensorFile:
    """By its suffix: .safetensors, or else an archive of torch."""
    return _Safetensors(path) if path.suffix.lower() == ".safetensors" else _Archive(path)


class _Archive:
    def __init__(self, path: Path) -> None:
        self.metadata: Mapping[str, str] = {}
        self._archive = TorchArchive(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._archive.__exit__(*exception)

    @cached_property
    def groups(self) -> Mapping[str, Mapping[str, TensorRef]]:
        return self._archive.groups()

    def check(self, group: str, names: Iterable[str]) -> None:
        self._archive.check(self._refs(group, names))

    def read(self, group: str, names: Iterable[str]) -> dict[str, Array]:
        return self._archive.read(self._refs(group, names))

    def sha256(self) -> str:
        return self._archive.sha256()

    def _refs(self, group: str, names: Iterable[str]) -> dict[str, TensorRef]:
        return {name: self.groups[group][name] for name in names}


class _Safetensors:
    def __init__(self, path: Path) -> None:
        self._file = SafetensorsFile(path)
        self.metadata = self._file.metadata
        self.groups: Groups = {"": self._file.entries}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.__exit__(*exception)

    def check(self, group: str, names: Iterable[str]) -> None:
        """Its header was checked when it was opened."""

    def read(self, group: str, names: Iterable[str]) -> dict[str, Array]:
        return {name: self._content.tensors[name] for name in names}

    def sha256(self) -> str:
        return self._content.sha256

    @cached_property
    def _content(self) -> SafetensorsContent:
        return self._file.read()
