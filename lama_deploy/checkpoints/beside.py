"""What lies beside a generator in its file: of training states, the discriminator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.checkpoint import reading
from lama_deploy.checkpoints.fits import is_counter
from lama_deploy.checkpoints.search import Groups
from lama_deploy.checkpoints.tensor_file import open_tensors
from lama_deploy.errors import CheckpointError, brief

DISCRIMINATOR = "discriminator."
FIRST = f"{DISCRIMINATOR}model0.0.weight"  # of official code's only one
Shapes = Mapping[str, tuple[int, ...]]


def load_discriminator(path: Path, expected: Shapes) -> dict[str, Array] | None:
    """The discriminator's state, float32 (counters int64), by official keys; None where the file has none.

    expected: shapes by key. Raises CheckpointError for one of another network, and for what is damaged.
    """
    with reading(path), open_tensors(path) as file:
        place = _place(file.groups)
        if place is None:
            return None
        group, prefix = place
        names = {name.removeprefix(prefix): name for name in file.groups[group] if name.startswith(prefix)}
        _check({key: file.groups[group][name].shape for key, name in names.items()}, expected)
        arrays = file.read(group, names.values())
        state = {
            key: np.asarray(arrays[name], np.int64 if is_counter(key) else np.float32) for key, name in names.items()
        }
    if not all(np.isfinite(array).all() for array in state.values()):
        raise CheckpointError(f"{path}: its discriminator has NaN or infinity")
    return state


def _place(groups: Groups) -> tuple[str, str] | None:
    """A group, and the prefix of the discriminator's keys in it."""
    for group, tensors in groups.items():
        for name in tensors:
            if name == FIRST or name.endswith(f".{FIRST}"):
                return group, name.removesuffix(FIRST) + DISCRIMINATOR
    return None


def _check(found: Shapes, expected: Shapes) -> None:
    different = [key for key in {**expected, **found} if found.get(key) != expected.get(key)]
    if different:
        key = different[0]
        sizes = " instead of ".join(brief(shapes.get(key, "nothing")) for shapes in (found, expected))
        raise CheckpointError(f"its discriminator is another: {brief(key)} is {sizes}")
