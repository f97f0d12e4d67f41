"""bundle.json as somebody might have changed it: one change each, for comparing two readers."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[str | int, ...]
# No integer of more than 64 bits, which C++ reads, and shows, as a float: it refuses it as well.
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, 2**60, 2**63, 1e300, "x", [], [1], [[1, [2, [3, [4]]]]], {}, {"x": 1}, {"a": {"b": [1]}},
)  # fmt: skip
MEMORY = {
    "conditions": {"engine": {"onnxruntime": "1.32.0"}, "cpu": "a CPU", "cores": 2, "options": {"threads": "2"}},
    "memory": {"fixed": 130714836, "per_pixel": 250.5, "per_picture": 3, "residual": 0.05, "per_pixel_fixed": None},
    "runs": [{"shape": [1, 256, 256], "bytes": 5}],
}  # fmt: skip
ENGINE = {
    "version": "10.13.3.9",
    "plugin": {"name": "x.so", "sha256": "ab", "kind": "python", "file": None},
    "version_compatible": True,
    "stripped": False,
    "hardware_compatibility": "ampere+",
    "gpu": {"name": "NVIDIA L4", "compute_capability": "8.9"},
    "compute_capabilities": ["8.9"],
    "batch": {"min": 1, "opt": 2, "max": 4},
    "profiles": [{"min": [64, 64], "opt": [512, 256], "max": [1024, 2048]}],
}
GENERATORS: tuple[Mapping[str, Any], ...] = (
    {}, {"width": 48}, {"kind": "regular", "max_channels": 64}, {"kind": "dilated", "downsamplings": 1, "width": 2},
    {"kind": "dilated", "downsamplings": 1, "width": 1}, {"ratio": 1}, {"ratio": 0.001}, {"ratio": 0.999},
    {"kind": "regular", "ratio": 7}, {"width": 4097}, {"downsamplings": 8, "blocks": 512}, {"kind": "FFC"},
    {"width": 64, "max_channels": 32}, {"colour": "red"}, {"kind": ["ffc"]}, {"blocks": "9"}, {"ratio": "half"},
)  # fmt: skip


def changed(manifest: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(what was done, the manifest) of every place in it, and of what its generator may be."""
    for path in _paths(manifest):
        if _parent(manifest, path).__class__ is dict:
            yield f"without {path}", _with(manifest, path, delete=True)
        for value in VALUES:
            yield f"{path} = {value}", _with(manifest, path, value)
    for generator in GENERATORS:
        yield f"generator {generator}", manifest | {"generator": generator}


def _paths(value: Any, path: Path = ()) -> Iterator[Path]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _paths(item, (*path, key))


def _parent(value: Any, path: Path) -> Any:
    for key in path[:-1]:
        value = value[key]
    return value


def _with(manifest: dict[str, Any], path: Path, value: Any = None, *, delete: bool = False) -> dict[str, Any]:
    found = copy.deepcopy(manifest)
    if delete:
        del _parent(found, path)[path[-1]]
    else:
        _parent(found, path)[path[-1]] = value
    return found
