"""Bundles: every file of theirs damaged, and a bundle.json that holds anything at all."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lama_deploy.bundle import MANIFEST, load_bundle
from lama_deploy.errors import BundleError
from lama_deploy.reports.about import about, about_lines
from tests.hostile.bundle_files import copy, open_and_run, write_bundles
from tests.hostile.mutations import mutated

TIME_BOUND = 60.0
MEMORY_BUDGET = 150 << 20
COUNT = 200

LONG = 10**6
DEEP: Any = "x"
for _ in range(500):
    DEEP = [DEEP]
VALUES: list[Any] = [
    None, True, -1, 0, 2**63, 10**30, 1e308, float("nan"), float("inf"), "", "x" * LONG, "\n", "\0", "../x", "\ud800",
    [], {}, [1], {"a": 1}, DEEP, {"x" * 1000: 1}, {"": None}, [[]] * 1000,
]  # fmt: skip
KEYS = (
    "variant", "generator", "weights", "target", "precision", "spectral", "io", "files", "inputs", "outputs", "tools",
    "parity", "ranges", "quantisation", "engine", "created", "format",
)  # fmt: skip
GENERATOR = ("kind", "width", "downsamplings", "blocks", "ratio", "max_channels", "unknown")


def prepare(folder: Path) -> dict[str, Path]:
    return write_bundles(folder)


def case(shared: dict[str, Path], folder: Path, seed: int) -> None:
    rng = random.Random(seed)
    bundle = copy(shared[rng.choice(("onnx", "openvino"))], folder)
    if seed < len(CRAFTED):
        CRAFTED[seed](bundle)
        about_lines(about(bundle))
        open_and_run(bundle)
        return
    if seed % 2:
        change_value(rng, bundle)
        about_lines(about(bundle))
        return
    damage_file(rng, bundle)
    open_and_run(bundle)


def change_value(rng: random.Random, bundle: Path) -> None:
    """One value, at any depth."""
    values = json.loads((bundle / MANIFEST).read_text())
    place, key = rng.choice(list(_places(values)))
    place[key] = rng.choice(VALUES)
    (bundle / MANIFEST).write_text(json.dumps(values))


def damage_file(rng: random.Random, bundle: Path) -> None:
    """A file that is not as exported must never be opened; of a bundle.json, what is left may be."""
    file = rng.choice(sorted(bundle.iterdir()))
    file.write_bytes(mutated(rng, file.read_bytes()))
    if file.name != MANIFEST:
        try:
            load_bundle(bundle)
        except BundleError:
            return
        raise AssertionError(f"{file.name} is damaged and was taken")


def _places(values: Any) -> Any:
    for key, value in values.items() if isinstance(values, dict) else ():
        yield values, key
        yield from _places(value)


def _manifest(**changes: Any) -> Callable[[Path], None]:
    def write(bundle: Path) -> None:
        values = json.loads((bundle / MANIFEST).read_text()) | changes
        (bundle / MANIFEST).write_text(json.dumps(values))

    return write


def _text(text: str | bytes) -> Callable[[Path], None]:
    data = text if isinstance(text, bytes) else text.encode()
    return lambda bundle: bundle.joinpath(MANIFEST).write_bytes(data) and None


def _link(bundle: Path) -> None:
    """A bundle.json that is read without end."""
    (bundle / MANIFEST).unlink()
    (bundle / MANIFEST).symlink_to("/dev/zero")


def _directory(bundle: Path) -> None:
    (bundle / MANIFEST).unlink()
    (bundle / MANIFEST).mkdir()


CRAFTED: list[Callable[[Path], None]] = [
    *(_manifest(generator={field: value}) for field in GENERATOR for value in (10**10, 10**9, -1, float("nan"), DEEP)),
    *(_manifest(**{key: DEEP}) for key in KEYS),
    _manifest(files={f"x{index}": {} for index in range(10**5)}),
    _manifest(files={"model.onnx": {"bytes": 10**400, "sha256": "0" * 64}}),
    _manifest(files={"../../notes.txt": {"bytes": 4, "sha256": "0" * 64}}),
    _text("[" * LONG),
    _text('{"a":' * 10**5),
    _text('{"format": ' + "9" * LONG + "}"),
    _text("9" * LONG),
    _text('"' + "\\ud800" * 10**5 + '"'),
    _text(b"\xff" * LONG),
    _text(" " * 5_000_000),
    _text("\ufeff{}"),
    _link,
    _directory,
]
