"""Files of .safetensors: crafted headers, and small good files with bits flipped, parts cut off, moved or exchanged."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from lama_deploy.checkpoints.safetensors_header import CONFIG_METADATA, DIGEST_METADATA, METADATA
from tests.hostile.families._archives import CONFIG, check_same, check_sound, damaged, weights

TIME_BOUND = 60.0
MEMORY_BUDGET = 400 << 20
NORM = "model.1.bn_l.bias"
NOTHING = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
Header = dict[str, Any]
Change = Callable[[Header], Any]


class Shared:
    """state: what the good file holds. header: its, without metadata. whole: its bytes. data: behind the header."""

    def __init__(self, folder: Path) -> None:
        self.state: Mapping[str, Array] = weights()
        save_checkpoint(folder / "w.safetensors", CONFIG, self.state)
        self.whole = (folder / "w.safetensors").read_bytes()
        length = int.from_bytes(self.whole[:8], "little")
        self.data = self.whole[8 + length :]
        self.header: Header = json.loads(self.whole[8 : 8 + length])
        self.metadata = self.header.pop(METADATA)


def file_of(header: Any, data: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(**changed: Any) -> Change:
    return lambda header: header[NORM].update(changed)


def config(**changed: Any) -> Change:
    return lambda header: header.update({METADATA: {CONFIG_METADATA: json.dumps({**CONFIG.to_dict(), **changed})}})


def metadata(value: Any) -> Change:
    return lambda header: header.update({METADATA: value})


# By what is changed in the header of a file without metadata.
HEADERS: dict[str, Change] = {
    "nothing": lambda header: None,
    **{f"{name} {value}"[:40].encode("ascii", "replace").decode(): config(**{name: value}) for name, value in [
        ("blocks", 10**9), ("blocks", 10**30), ("blocks", True), ("blocks", 1.0), ("blocks", "1"), ("blocks", None),
        ("blocks", -1), ("downsamplings", 10**10), ("downsamplings", 64), ("width", 10**12), ("width", [4]),
        ("max_channels", 10**300), ("max_channels", 0), ("ratio", float("nan")), ("ratio", float("inf")),
        ("ratio", True),        ("ratio", "0.75"), ("ratio", -0.0), ("ratio", 10**400),
        ("kind", "unet"), ("kind", ["ffc"]), ("kind", None),
        ("kind", "x" * 100_000), ("colour", 1), ("\ud800\n", 1), ("x" * 100_000, 1),
    ]},
    "config that is a list": metadata({CONFIG_METADATA: "[]"}),
    "config that is no JSON": metadata({CONFIG_METADATA: "{"}),
    "config of many levels": metadata({CONFIG_METADATA: "[" * 100_000}),
    "config of 5,000 digits": metadata({CONFIG_METADATA: '{"width": ' + "9" * 5000 + "}"}),
    "hash of something else": metadata({DIGEST_METADATA: "0" * 64}),
    "hash of another kind": metadata({DIGEST_METADATA: "\n" * 100}),
    "metadata that is a list": metadata([]),
    "metadata of numbers": metadata({CONFIG_METADATA: 1}),
    "metadata unknown": metadata({CONFIG_METADATA: json.dumps(CONFIG.to_dict()), "x\ny": "z"}),
    "offsets below zero": entry(data_offsets=[-16, 0]),
    "offsets of other tensors": lambda h: h[NORM].update(data_offsets=h["model.1.bn_l.weight"]["data_offsets"]),
    "offsets beyond the end": entry(data_offsets=[1 << 40, (1 << 40) + 16]),
    "offsets that wrap around": entry(data_offsets=[(1 << 64) - 8, 8]),
    "offsets that are truths": entry(data_offsets=[False, True]),
    "offsets that are floats": entry(data_offsets=[0.0, 16.0]),
    "offsets of one number": entry(data_offsets=[0]),
    "offsets that are none": entry(data_offsets=None),
    "shape of 100 dimensions": entry(shape=[1] * 99 + [4]),
    "shape of 2^62": entry(shape=[1 << 61, 1 << 61]),
    "shape that wraps around": entry(shape=[1 << 63, 1 << 63, 4]),
    "shape below zero": entry(shape=[-2, -2]),
    "shape of floats": entry(shape=[4.0]),
    "shape of truths": entry(shape=[True, 4]),
    "shape of text": entry(shape="4"),
    "type float8": entry(dtype="F8_E4M3"),
    "type complex": entry(dtype="C64"),
    "type of numbers": entry(dtype=4),
    "type of a list": entry(dtype=["F32"]),
    "type of one byte": entry(dtype="U8"),
    "more about a tensor": entry(stride=[1]),
    "tensor that is a number": lambda header: header.update({NORM: 3}),
    "tensor missing": lambda header: header.pop(NORM),
    "tensor of a long name": lambda header: header.update({"n" * 100_000: header.pop(NORM)}),
    "tensors without data": lambda header: header.update(dict.fromkeys(map(str, range(9000)), NOTHING)),
}  # fmt: skip
# Whole files by what they are.
FILES: dict[str, Callable[[Shared], bytes]] = {
    "whole": lambda shared: shared.whole,
    "empty": lambda _: b"",
    "seven bytes": lambda _: bytes(7),
    "length of 2^63": lambda shared: b"\xff" * 8 + shared.whole[8:],
    "length of 100 MB": lambda _: struct.pack("<Q", 100_000_000) + b"{",
    "header of 5 MB": lambda shared: file_of(json.dumps(shared.header).encode().ljust(5_000_000), shared.data),
    "header of a million lists": lambda _: file_of(b'{"a":[' + b"[]," * 1_000_000 + b"1]}", b""),
    "header of many levels": lambda _: file_of(b"[" * 100_000, b""),
    "header of one number": lambda _: file_of(b"9" * 5000, b""),
    "header of another encoding": lambda _: file_of("{}".encode("utf-16"), b""),
    "header that is a list": lambda _: file_of([], b""),
    "header without tensors": lambda _: file_of({}, b""),
    "name twice": lambda shared: file_of(
        f'{json.dumps(shared.header)[:-1]}, "{NORM}": {json.dumps(shared.header[NORM])}}}'.encode(), shared.data
    ),
    "gap before the first": lambda shared: file_of(shared.header, bytes(8) + shared.data),
    "more behind the last": lambda shared: file_of(shared.header, shared.data + bytes(8)),
    "a pickle": lambda _: b"\x80\x02cos\nsystem\nU\x04true\x85R.",
    "other weights under the same hash": lambda shared: shared.whole[:-4] + b"\0\0\0\0",
    "NaN": lambda shared: file_of(shared.header, np.float32("nan").tobytes() * (len(shared.data) // 4)),
}  # fmt: skip
CRAFTED = [*FILES, *HEADERS]
COUNT = len(CRAFTED) + 1000


def prepare(folder: Path) -> Shared:
    shared = Shared(folder)
    check_same(load_checkpoint(folder / "w.safetensors"), shared.state)
    return shared


def case(shared: Shared, folder: Path, seed: int) -> None:
    path = folder / "w.safetensors"
    random = Random(seed)
    kind = CRAFTED[seed] if seed < len(CRAFTED) else ""
    if kind in HEADERS:
        header = json.loads(json.dumps(shared.header))
        HEADERS[kind](header)
        path.write_bytes(file_of(header, shared.data))
        check_sound(load_checkpoint(path))
    else:
        path.write_bytes(FILES[kind](shared) if kind else _random(shared, random))
        check_same(load_checkpoint(path), shared.state)


def _random(shared: Shared, random: Random) -> bytes:
    if random.randrange(4):
        return damaged(shared.whole, random)
    header: Header = json.loads(json.dumps({METADATA: shared.metadata, **shared.header}))
    for _ in range(random.randrange(1, 4)):
        a, b = random.choice(list(shared.header)), random.choice(list(shared.header))
        field = random.choice(("dtype", "shape", "data_offsets"))
        others = [header[b][field], 0, -1, None, True, [], [1] * 9, 2**64, 1e300, "F64", "BF16", {}, [[]], "\n"]
        header[a][field] = random.choice(others)
        if random.randrange(3) == 0:
            header[a], header[b] = header[b], header[a]
    return file_of(header, shared.data)
