"""All that a pickle can be read into, besides plain containers, numbers and text: sealed values of our own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class DamagedPickleError(Exception):
    """What no pickle of a checkpoint does; the message is one line, without the file's name."""


class UnreadableTensorError(Exception):
    """A tensor that is not dense, or of no type that is read; the message says what it is."""


@dataclass(frozen=True, slots=True)
class Name:
    """A class or function that the pickle asks for: its name and nothing behind it."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, slots=True)
class Inert:
    """Stands for any object that is not a tensor or a container, and keeps nothing of what the pickle does to it."""


@dataclass(frozen=True, slots=True)
class StorageRef:
    """An entry of the archive and the type of its elements, as torch names it ("FloatStorage")."""

    key: str
    kind: str


@dataclass(frozen=True, slots=True)
class TensorRef:
    """Where a tensor lies in the archive; offset and strides in elements. Not yet compared with what is there."""

    storage: StorageRef
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class ScriptModule:
    """A TorchScript object: its attributes by name."""

    __slots__ = ("attributes",)

    def __init__(self) -> None:
        self.attributes: dict[str, Any] = {}


INERT = Inert()
