"""Checkpoints of torch: crafted ones, and small good ones damaged in their bytes, their entries and their pickles."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np

from lama_deploy.checkpoints import pickle_names, pickle_values, stored_types
from lama_deploy.checkpoints.checkpoint import Checkpoint, load_checkpoint
from lama_deploy.checkpoints.keys import expected_shapes
from lama_deploy.variants import GeneratorConfig
from tests.hostile.families._archives import (
    ROOT,
    Shared,
    archive,
    check_same,
    check_sound,
    damaged,
    entries,
    shared,
    shuffled,
    zipped,
)
from tests.hostile.families._crafted_pickles import crafted
from tests.hostile.families._pickles import PROTOCOL, invented, lightning, mutated, script, state_dict, tensor

TIME_BOUND = 60.0
MEMORY_BUDGET = 400 << 20
Maker = Callable[[Shared, Path], Path]


def _file(make: Callable[[Shared], bytes]) -> Maker:
    def write(shared: Shared, folder: Path) -> Path:
        path = folder / "w.ckpt"
        path.write_bytes(make(shared))
        return path

    return write


def _with(shared: Shared, **changed: bytes) -> dict[str, bytes]:
    """Entries of a good file, some of them others."""
    others = {ROOT + name.replace("_", "."): content for name, content in changed.items()}
    return entries(lightning(shared.shapes), shared.state) | others


def _patched(shared: Shared, entry: int, place: int, value: bytes) -> bytes:
    """A good file with other bytes in the directory's record of an entry."""
    data = bytearray(shared.whole)
    start = -1
    for _ in range(entry + 1):
        start = data.index(b"PK\1\2", start + 1)
    data[start + place : start + place + len(value)] = value
    return bytes(data)


def _as_bfloat16(shared: Shared) -> bytes:
    kept = {key: (array.view(np.uint32) >> 16).astype(np.uint16) for key, array in shared.state.items() if array.ndim}
    others = {key: tensor(key, shared.shapes[key], kind="BFloat16Storage") for key in kept}
    return zipped(entries(lightning(shared.shapes, others), {**shared.state, **kept}))


def _one_storage(_: Shared) -> bytes:
    """Every weight of 300 blocks in the 5 MB of one storage: 3.3 GB."""
    shapes = {key: s for key, s in expected_shapes(GeneratorConfig(blocks=300)).items() if not key.endswith("tracked")}
    largest = max(int(np.prod(shape)) for shape in shapes.values())
    pickled = PROTOCOL + state_dict({}, {key: tensor("0", shape) for key, shape in shapes.items()}) + b"."
    return zipped(entries(pickled, {"0": bytes(4 * largest)}))


def _many_stages(shared: Shared) -> bytes:
    """2^20,000 channels, by the number of names."""
    one = tensor("0", (4, 4, 3, 3), (0, 0, 0, 0))
    keys = [f"model.{i}.ffc.convl2{branch}.weight" for i in range(1, 10_000) for branch in "lg"]
    return zipped(entries(PROTOCOL + state_dict({}, dict.fromkeys(keys, one)) + b".", {"0": bytes(576)}))


FILES: dict[str, Maker] = {
    "lightning": _file(lambda shared: shared.whole),
    "TorchScript": _file(lambda shared: zipped(entries(script(shared.shapes), shared.state))),
    "bfloat16": _file(_as_bfloat16),
    "one storage under every name": _file(_one_storage),
    "stages without end": _file(_many_stages),
    "compressed": _file(lambda shared: zipped(_with(shared), zipfile.ZIP_DEFLATED)),
    "a bomb": _file(lambda shared: zipped(_with(shared, data_pkl=bytes(50_000_000)), zipfile.ZIP_DEFLATED)),
    "numbers the other way round": _file(lambda shared: zipped(_with(shared, byteorder=b"big"))),
    "entry of 4 GB": _file(lambda shared: _patched(shared, 0, 20, b"\xfe\xff\xff\xff\xfe\xff\xff\xff")),
    "entry of another length": _file(lambda shared: _patched(shared, 0, 24, b"\xff\xff\x0f\0")),
    "entry that begins behind the end": _file(lambda shared: _patched(shared, 3, 42, b"\0\0\0\x7f")),
    "entry in another's place": _file(lambda shared: _patched(shared, 3, 42, bytes(4))),
    "encrypted": _file(lambda shared: _patched(shared, 3, 8, b"\x01\0")),
    "directory of 10 MB": _file(lambda shared: zipped(_with(shared) | {f"a/{i:070}": b"" for i in range(80_000)})),
    "comment": _file(lambda shared: shared.whole[:-2] + b"\x05\x00hello"),
    "two pickles": _file(lambda shared: zipped(_with(shared) | {"other/data.pkl": b"N."})),
    "empty": _file(lambda _: b""),
    "only an end record": _file(lambda _: b"PK\5\6" + bytes(18)),
    "pickle of torch before 1.6": _file(lambda _: b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."),
}
CRAFTED = [*FILES, *crafted({"model.1.ffc.convl2l.weight": (1,), "model.1.bn_l.bias": (1,)})]
COUNT = len(CRAFTED) + 1000


@dataclass(frozen=True)
class Prepared:
    """pickles: the crafted ones by what they try. process: what it is like before any of them."""

    shared: Shared
    pickles: Mapping[str, bytes]
    process: str


def prepare(folder: Path) -> Prepared:
    found = shared()
    path = folder / "w.ckpt"
    path.write_bytes(found.whole)
    check_same(load_checkpoint(path), found.state)
    return Prepared(found, crafted(found.shapes), state_of_the_process())


def case(prepared: Prepared, folder: Path, seed: int) -> None:
    shared, random = prepared.shared, Random(seed)
    try:
        if seed < len(FILES):
            check(load_checkpoint(FILES[CRAFTED[seed]](shared, folder)), shared, same=True)
        elif seed < len(CRAFTED):
            pickled = prepared.pickles[CRAFTED[seed]]
            check(load_checkpoint(archive(folder, pickled, {**shared.state, "s": bytes(9999)})), shared, same=False)
        else:
            path, same = _random(shared, folder, random)
            check(load_checkpoint(path), shared, same=same)
    finally:
        assert state_of_the_process() == prepared.process, "the process is not as it was"
        assert not Path("sentinel").exists(), "code ran"


def _random(shared: Shared, folder: Path, random: Random) -> tuple[Path, bool]:
    """A file, and whether it can only be the good one where it is taken: a checksum covers each entry."""
    kind = random.randrange(10)
    if kind < 4:
        return _file(lambda _: damaged(shared.whole, random))(shared, folder), True
    if kind < 6:
        return _file(lambda _: zipped(shuffled(_with(shared), random)))(shared, folder), False
    if kind < 9:
        good = lightning(shared.shapes) if random.randrange(2) else script(shared.shapes)
        return archive(folder, mutated(good, random), shared.state), False
    return archive(folder, invented(random), shared.state), False


def check(loaded: Checkpoint, shared: Shared, *, same: bool) -> None:
    if same:
        check_same(loaded, shared.state)
    else:
        check_sound(loaded)


def state_of_the_process() -> str:
    """What a pickle could try to change: NumPy's types, our classes and tables."""
    kinds = [*"?bBhHiIqQefdFD", *stored_types._NUMPY.values()]
    types = [(t.str, t.itemsize, t.names, t.fields, t.flags, t.metadata) for t in map(np.dtype, kinds)]
    ours = [vars(module) for module in (pickle_values, pickle_names, stored_types)]
    named = [(name, value) for names in ours for name, value in names.items() if not name.startswith("__")]
    kept = [value for _, value in named if isinstance(value, (dict, set, tuple))]
    classes = [sorted(map(str, vars(v).items())) for _, v in named if isinstance(v, type)]
    return repr((types, kept, classes))
