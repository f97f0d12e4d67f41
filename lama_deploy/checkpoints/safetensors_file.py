"""Reads .safetensors whose header holds; of ours those only that have the tensors which they were written with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.opening import open_file
from lama_deploy.checkpoints.safetensors_header import (
    CONFIG_METADATA,
    DIGEST_METADATA,
    KNOWN_METADATA,
    TYPES,
    Entry,
    damaged,
    read_header,
)
from lama_deploy.errors import quoted

_NAMES = {np.dtype(kind): name for name, kind in TYPES.items() if name not in ("BF16", "BOOL")} | {
    np.dtype("?"): "BOOL"
}

Described = tuple[str, tuple[int, ...], Array]  # a name of TYPES, shape, elements of that type


@dataclass(frozen=True)
class SafetensorsContent:
    """tensors: by name, bfloat16 as float32. sha256: of the whole file, in hex."""

    tensors: Mapping[str, Array]
    sha256: str


class SafetensorsFile:
    """An open file: `entries` and `metadata` are in its header, `read` loads its tensors.

    Raises CheckpointError for what is damaged, or of a type that is not read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stream = open_file(path)
        try:
            self._header = read_header(path, self._stream)
        except BaseException:
            self._stream.close()
            raise
        self.metadata = self._header.metadata
        self.entries = self._header.entries

    def __enter__(self) -> SafetensorsFile:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stream.close()

    def read(self) -> SafetensorsContent:
        """All of it, once. Raises CheckpointError also where a file of ours holds other tensors than were written."""
        header = self._header
        data = np.fromfile(self._stream, np.uint8, header.size)
        if data.size != header.size:
            raise damaged(self.path, "it became shorter while it was read")
        raw = {name: _elements(data, entry) for name, entry in header.entries.items()}
        self._check_digest({name: (entry.kind, entry.shape, raw[name]) for name, entry in header.entries.items()})
        whole = hashlib.sha256(header.raw)
        whole.update(data.data)
        tensors = {name: _values(raw[name], entry) for name, entry in header.entries.items()}
        return SafetensorsContent(tensors, whole.hexdigest())

    def _check_digest(self, tensors: Mapping[str, Described]) -> None:
        """Files of ours: older ones have none, and what looks like a damaged one is refused."""
        ours = CONFIG_METADATA in self.metadata or DIGEST_METADATA in self.metadata
        unknown = sorted(set(self.metadata) - KNOWN_METADATA)
        if ours and unknown:
            raise damaged(self.path, f"its metadata names {quoted(unknown[0])}, which this version does not know")
        expected = self.metadata.get(DIGEST_METADATA)
        if expected is not None and expected != digest(tensors, self.metadata.get(CONFIG_METADATA, "")):
            told = "its tensors are not those that it was written with: another"
            raise damaged(self.path, f"{told} {DIGEST_METADATA}")


def read_safetensors(path: Path) -> SafetensorsContent:
    """A whole file. Raises CheckpointError."""
    with SafetensorsFile(path) as file:
        return file.read()


def digest(tensors: Mapping[str, Described], config: str) -> str:
    """SHA-256, in hex, over names, types, shapes and bytes of tensors, and over a configuration's JSON.

    tensors: by name, in any order.
    """
    hashed = hashlib.sha256(json.dumps(["", config]).encode())
    for name in sorted(tensors):
        kind, shape, elements = tensors[name]
        hashed.update(json.dumps([name, kind, list(shape)]).encode())
        hashed.update(np.ascontiguousarray(elements).data)
    return hashed.hexdigest()


def type_name(array: Array) -> str:
    """Of the elements of an array that is written; KeyError where files of ours have none."""
    return _NAMES[array.dtype]


def _elements(data: Array, entry: Entry) -> Array:
    """As they are stored; of the whole file's memory where that is aligned."""
    raw = data[entry.begin : entry.end].view(np.dtype(TYPES[entry.kind])).reshape(entry.shape)
    return np.require(raw, requirements="A")


def _values(raw: Array, entry: Entry) -> Array:
    if entry.kind == "BF16":
        return (raw.astype(np.uint32) << 16).view(np.float32)
    return raw != 0 if entry.kind == "BOOL" else raw
