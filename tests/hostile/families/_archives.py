"""Not a family: torch's archives of a small generator, whole, and damaged in every way a file can be."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.checkpoints.keys import expected_shapes
from lama_deploy.variants import GeneratorConfig
from tests.hostile.families._pickles import Shape, lightning

CONFIG = GeneratorConfig(width=4, downsamplings=1, blocks=1)
ROOT = "archive/"


def weights(config: GeneratorConfig = CONFIG) -> dict[str, Array]:
    """Some numbers, which bfloat16 can hold."""
    random = np.random.default_rng(1)
    state = {
        key: np.asarray(0 if key.endswith("tracked") else random.normal(size=shape), np.float32)
        for key, shape in expected_shapes(config).items()
    }
    return {key: (array.view(np.uint32) & 0xFFFF0000).view(np.float32) for key, array in state.items()}


@dataclass(frozen=True)
class Shared:
    """state: what whole files hold. shapes: its. whole: a Lightning checkpoint's bytes."""

    state: Mapping[str, Array]
    shapes: Mapping[str, Shape]
    whole: bytes


def shared() -> Shared:
    state, shapes = weights(), expected_shapes(CONFIG)
    return Shared(state, shapes, zipped(entries(lightning(shapes), state)))


def entries(pickled: bytes, storages: Mapping[str, Array | bytes]) -> dict[str, bytes]:
    content = {key: value if isinstance(value, bytes) else value.tobytes() for key, value in storages.items()}
    parts = {"data.pkl": pickled, "byteorder": b"little", **{f"data/{key}": value for key, value in content.items()}}
    return {ROOT + name: value for name, value in parts.items()}


def zipped(files: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return out.getvalue()


def archive(folder: Path, pickled: bytes, storages: Mapping[str, Array | bytes] | None = None) -> Path:
    path = folder / "w.ckpt"
    path.write_bytes(zipped(entries(pickled, storages or {})))
    return path


def damaged(whole: bytes, random: Random) -> bytes:
    """Bits flipped, parts cut off, copied, moved or cleared."""
    data = bytearray(whole)
    kind = random.randrange(5)
    if kind < 2:
        for _ in range(random.choice((1, 1, 2, 8, 64))):
            # Half of them where the structure is: at the beginning and the end.
            place = random.choice((random.randrange(len(data)), random.randrange(min(len(data), 4000))))
            data[random.choice((place, len(data) - 1 - place))] ^= 1 << random.randrange(8)
        return bytes(data)
    if kind == 2:
        return bytes(data[: random.randrange(len(data))])
    a, b, length = random.randrange(len(data)), random.randrange(len(data)), random.randrange(1, 5000)
    part = bytes(data[b : b + length]) if kind == 3 else bytes(length)
    data[a : a + length * random.randrange(2)] = part
    return bytes(data)


def shuffled(files: Mapping[str, bytes], random: Random) -> dict[str, bytes]:
    """Entries swapped, missing, renamed, cut or under further names."""
    found = dict(files)
    for _ in range(random.randrange(1, 4)):
        a, b = random.choice(list(found)), random.choice(list(found))
        kind = random.randrange(5)
        if kind == 0:
            found[a], found[b] = found[b], found[a]
        elif kind == 1 and len(found) > 2:
            del found[a]
        elif kind == 2:
            found[a + random.choice(("x", "/", "\0", "/../data.pkl"))] = found[a]
        elif kind == 3:
            found[a] = found[a][: random.randrange(len(found[a]) + 1)]
        else:
            found[random.choice((ROOT, "other/", "")) + random.choice(("data.pkl", "data/0", "byteorder"))] = found[a]
    return found


def check_same(loaded: Checkpoint, state: Mapping[str, Array], config: GeneratorConfig = CONFIG) -> None:
    check_sound(loaded)
    assert loaded.config == config, "another generator"
    for key, array in state.items():
        assert np.array_equal(loaded.state_dict[key], array), f"other weights: {key}"


def check_sound(loaded: Checkpoint) -> None:
    """Whatever the file said: every weight that the generator has, finite, of its shape and type."""
    shapes = expected_shapes(loaded.config)
    assert list(loaded.state_dict) == list(shapes), "other names"
    for key, array in loaded.state_dict.items():
        assert array.shape == shapes[key], key
        assert array.dtype == (np.int64 if key.endswith("tracked") else np.float32), key
        assert np.isfinite(array).all(), key
