"""Reads .safetensors: a header of JSON that says where each tensor lies, and their bytes behind it.

Everything that the header says is checked in integers before a tensor is made. A file of ours carries a SHA-256 over
its tensors, and is refused where it no longer holds them.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.errors import CheckpointError, brief

CONFIG_METADATA = "lama_deploy.generator"  # GeneratorConfig.to_dict() as JSON
DIGEST_METADATA = "lama_deploy.sha256"  # `digest` of what the file was written with
KNOWN_METADATA = {CONFIG_METADATA, DIGEST_METADATA, "format"}
METADATA = "__metadata__"
MOST_HEADER_BYTES = 4_000_000  # big-lama's has 150 kB; JSON takes up to 25 times as much memory
MOST_DIMENSIONS = 8  # a generator's tensors have 4
# By the file's names of types; bfloat16, which NumPy lacks, as its bits, bool as bytes.
TYPES: Mapping[str, str] = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U8": "|u1",
    "BOOL": "|u1",
}
_NAMES = {np.dtype(kind): name for name, kind in TYPES.items() if name not in ("BF16", "BOOL")} | {
    np.dtype("?"): "BOOL"
}


@dataclass(frozen=True)
class SafetensorsFile:
    """tensors: by name, bfloat16 as float32. metadata: as in the file. sha256: of the whole file."""

    tensors: Mapping[str, Array]
    metadata: Mapping[str, str]
    sha256: str


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where a tensor lies: begin and end in bytes behind the header."""

    kind: str
    shape: tuple[int, ...]
    begin: int
    end: int


def read_safetensors(path: Path) -> SafetensorsFile:
    """The whole file, read once. Raises CheckpointError for what is damaged, or of a type that is not read."""
    try:
        with path.open("rb") as stream:
            return _read(path, stream)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}); allow it, or give another file") from error


def digest(tensors: Mapping[str, tuple[str, tuple[int, ...], Array]], config: str) -> str:
    """SHA-256, in hex, over names, types, shapes and bytes of tensors, and over a configuration's JSON.

    tensors: (a name of TYPES, shape, elements of that type) by name, in any order.
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


def _read(path: Path, stream: BinaryIO) -> SafetensorsFile:
    size = os.fstat(stream.fileno()).st_size
    start = stream.read(8)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length > size - 8:
        raise _damaged(path, "it ends within its header")
    if length > MOST_HEADER_BYTES:
        raise _damaged(path, f"its header has {length:,} bytes, of at most {MOST_HEADER_BYTES:,}")
    text = stream.read(length)
    header = _header(path, text)
    metadata = _metadata(path, header.pop(METADATA, {}))
    entries = {name: _entry(path, name, found) for name, found in header.items()}
    _check_places(path, entries, size - 8 - length)
    data = np.fromfile(stream, np.uint8, size - 8 - length)
    if data.size != size - 8 - length:
        raise _damaged(path, "it became shorter while it was read")
    raw = {name: _elements(data, entry) for name, entry in entries.items()}
    _check_digest(path, metadata, {name: (entries[name].kind, entries[name].shape, raw[name]) for name in entries})
    whole = hashlib.sha256(start + text)
    whole.update(data.data)
    tensors = {name: _values(raw[name], entry) for name, entry in entries.items()}
    return SafetensorsFile(tensors, metadata, whole.hexdigest())


def _header(path: Path, text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text.decode(), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"its header is no JSON: {brief(error)}") from error
    if not isinstance(header, dict):
        raise _damaged(path, "its header is no JSON object")
    return header


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands in it twice")
    return found


def _metadata(path: Path, found: Any) -> dict[str, str]:
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise _damaged(path, f"its {METADATA} is no table of texts")
    return found


def _entry(path: Path, name: str, found: Any) -> _Entry:
    if not isinstance(found, dict) or set(found) != {"dtype", "shape", "data_offsets"}:
        raise _damaged(path, f"tensor {brief(name)} needs dtype, shape and data_offsets, and nothing else")
    kind, shape, offsets = found["dtype"], found["shape"], found["data_offsets"]
    if not isinstance(kind, str) or kind not in TYPES:
        raise CheckpointError(
            f"{path}: tensor {brief(name)} is of type {brief(kind)}; allowed: {', '.join(TYPES)}; convert it"
        )
    if not _counts(shape) or len(shape) > MOST_DIMENSIONS:
        raise _damaged(path, f"tensor {brief(name)} has the shape {brief(shape)}; allowed: {MOST_DIMENSIONS} counts")
    if not _counts(offsets) or len(offsets) != 2:
        raise _damaged(path, f"tensor {brief(name)} has the data_offsets {brief(offsets)}; allowed: two counts")
    entry = _Entry(kind, tuple(shape), *offsets)
    if entry.end - entry.begin != math.prod(entry.shape) * np.dtype(TYPES[kind]).itemsize:
        raise _damaged(path, f"tensor {brief(name)} has another length than its shape and type say")
    return entry


def _counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 1 << 62 for value in values)


def _check_places(path: Path, entries: Mapping[str, _Entry], size: int) -> None:
    """Raise CheckpointError unless the tensors lie one behind the other and fill the file."""
    places = sorted((entry.begin, entry.end) for entry in entries.values())
    gaps = any(before[1] != after[0] for before, after in pairwise([(0, 0), *places, (size, size)]))
    if gaps:
        raise _damaged(path, "its tensors overlap, leave gaps or reach beyond its end")


def _elements(data: Array, entry: _Entry) -> Array:
    """As they are stored; of the whole file's memory where that is aligned."""
    raw = data[entry.begin : entry.end].view(np.dtype(TYPES[entry.kind])).reshape(entry.shape)
    return np.require(raw, requirements="A")


def _values(raw: Array, entry: _Entry) -> Array:
    if entry.kind == "BF16":
        return (raw.astype(np.uint32) << 16).view(np.float32)
    return raw != 0 if entry.kind == "BOOL" else raw


def _check_digest(
    path: Path, metadata: Mapping[str, str], tensors: Mapping[str, tuple[str, tuple[int, ...], Array]]
) -> None:
    """Files of ours: older ones have none, and what looks like a damaged one is refused."""
    ours = CONFIG_METADATA in metadata or DIGEST_METADATA in metadata
    unknown = sorted(set(metadata) - KNOWN_METADATA)
    if ours and unknown:
        raise _damaged(path, f"its metadata names {brief(unknown[0])}, which this version does not know")
    expected = metadata.get(DIGEST_METADATA)
    if expected is not None and expected != digest(tensors, metadata.get(CONFIG_METADATA, "")):
        raise _damaged(path, f"its tensors are not those that it was written with: another {DIGEST_METADATA}")


def _damaged(path: Path, what: str) -> CheckpointError:
    return CheckpointError(f"{path}: not a readable .safetensors file ({what}); fetch it again")
