"""The header of a .safetensors file: JSON that says where each tensor lies. All that it says is checked in integers."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedReader
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from lama_deploy.errors import CheckpointError, brief, quoted

CONFIG_METADATA = "lama_deploy.generator"  # GeneratorConfig.to_dict() as JSON
DIGEST_METADATA = "lama_deploy.sha256"  # `digest` of what the file was written with
KNOWN_METADATA = {CONFIG_METADATA, DIGEST_METADATA, "format"}
METADATA = "__metadata__"
MOST_HEADER_BYTES = 4_000_000  # big-lama's has 150 kB; JSON takes up to 25 times as much memory
MOST_DIGITS = 19  # of an integer in the header
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


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a tensor lies: begin and end in bytes behind the header."""

    kind: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Header:
    """raw: the file's bytes before the data. size: bytes of the data behind it."""

    raw: bytes
    size: int
    entries: Mapping[str, Entry]
    metadata: Mapping[str, str]


def read_header(path: Path, stream: BufferedReader) -> Header:
    """From a file's beginning. Raises CheckpointError for what is damaged, or of a type that is not read."""
    size = os.fstat(stream.fileno()).st_size
    start = stream.read(8)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length > size - 8:
        raise damaged(path, "it ends within its header")
    if length > MOST_HEADER_BYTES:
        raise damaged(path, f"its header has {length:,} bytes, of at most {MOST_HEADER_BYTES:,}")
    text = stream.read(length)
    found = _parsed(path, text)
    metadata = _metadata(path, found.pop(METADATA, {}))
    entries = {name: _entry(path, name, value) for name, value in found.items()}
    _check_places(path, entries, size - 8 - length)
    return Header(start + text, size - 8 - length, entries, metadata)


def _parsed(path: Path, text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text.decode(), object_pairs_hook=_without_repeats, parse_int=_integer)
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"its header is no JSON: {brief(error)}") from error
    if not isinstance(header, dict):
        raise damaged(path, "its header is no JSON object")
    return header


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands in it twice")
    return found


def _integer(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"an integer of {len(digits):,} digits")
    return int(digits)


def _metadata(path: Path, found: Any) -> dict[str, str]:
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise damaged(path, f"its {METADATA} is no table of texts")
    return found


def _entry(path: Path, name: str, found: Any) -> Entry:
    if not isinstance(found, dict) or set(found) != {"dtype", "shape", "data_offsets"}:
        raise damaged(path, f"tensor {quoted(name)} needs dtype, shape and data_offsets, and nothing else")
    kind, shape, offsets = found["dtype"], found["shape"], found["data_offsets"]
    if not isinstance(kind, str) or kind not in TYPES:
        raise CheckpointError(
            f"{path}: tensor {quoted(name)} is of type {quoted(kind)}; allowed: {', '.join(TYPES)}; convert it"
        )
    if not _counts(shape) or len(shape) > MOST_DIMENSIONS:
        raise damaged(
            path, f"tensor {quoted(name)} has shape {quoted(shape)}; allowed: at most {MOST_DIMENSIONS} counts"
        )
    if not _counts(offsets) or len(offsets) != 2:
        raise damaged(path, f"tensor {quoted(name)} has the data_offsets {quoted(offsets)}; allowed: two counts")
    entry = Entry(kind, tuple(shape), *offsets)
    if entry.end - entry.begin != math.prod(entry.shape) * np.dtype(TYPES[kind]).itemsize:
        raise damaged(path, f"tensor {quoted(name)} has another length than its shape and type say")
    return entry


def _counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 1 << 62 for value in values)


def _check_places(path: Path, entries: Mapping[str, Entry], size: int) -> None:
    """Raise CheckpointError unless the tensors lie one behind the other and fill the file."""
    places = sorted((entry.begin, entry.end) for entry in entries.values())
    gaps = any(before[1] != after[0] for before, after in pairwise([(0, 0), *places, (size, size)]))
    if gaps:
        raise damaged(path, "its tensors overlap, leave gaps or reach beyond its end")


def damaged(path: Path, what: str) -> CheckpointError:
    """What to raise for a file that is not what it says."""
    return CheckpointError(f"{path}: not a readable .safetensors file ({what}); fetch it again")
