"""Where an engine is compared with the reference, at the corners of its profiles and between them, and timed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lama_deploy.proof.subjects import Size


def engine_sizes(record: Mapping[str, Any]) -> list[Size]:
    """Of each profile in a bundle's `engine`: least, largest, lowest and widest at once, and an odd size between.

    One picture each, or as many as the engine needs at least; the least size also in the largest batch.
    """
    batch = record["batch"]
    sizes: list[Size] = []
    for profile in record["profiles"]:
        (low, narrow), (high, wide) = profile["min"], profile["max"]
        sides = [(low, narrow), (high, wide), (low, wide), (_between(low, high), _between(narrow, wide))]
        sizes += [Size(*pair, batch["min"]) for pair in sides]
        sizes.append(Size(low, narrow, batch["max"]))
    return list(dict.fromkeys(sizes))


def best_sizes(record: Mapping[str, Any]) -> list[Size]:
    """What kernels were chosen for, of each profile in a bundle's `engine`."""
    batch = record["batch"]["opt"]
    return [Size(height, width, batch) for height, width in (profile["opt"] for profile in record["profiles"])]


def _between(low: int, high: int) -> int:
    """The odd number next to the middle, where there is one between the two."""
    middle = (low + high) // 2
    return min(middle | 1, high)
