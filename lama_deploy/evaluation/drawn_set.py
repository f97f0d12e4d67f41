"""Test sets made from photographs by the rule of official `bin/gen_mask_dataset.py`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lama_deploy.arrays import Array
from lama_deploy.errors import DataError
from lama_deploy.evaluation.test_set import Pair, scaled_hole, scaled_size
from lama_deploy.images.files import read_photograph
from lama_deploy.images.folders import photographs
from lama_deploy.images.masks import TEST_SET_LIMIT, MaskGenerator
from lama_deploy.images.notes import Notes

DEFAULT_SIZE = 256  # of mask sets whose name has none
CANDIDATES = 5  # official `variants_n`: masks drawn for each photograph


@dataclass(frozen=True)
class Crop:
    """A square of the photograph at drawing size: its left and top, and its hole (size, size)."""

    left: int
    top: int
    hole: Array


class MadeSet:
    """Square crops with drawn holes.

    A photograph is resized (bicubic) to the smaller side `size`; five masks are drawn over it; each gets a square crop
    placed by the mask; those that cover more than half of their crop are dropped; `per_image` of the rest are kept at
    random. A photograph of which none is left gives no pair, as in the official sets. Official code has no seed; here
    a photograph's draws depend on `seed` and its name in the folder, not on the other files or their order.
    """

    def __init__(self, folder: Path, masks: MaskGenerator, size: int, *, seed: int = 0, per_image: int = 1) -> None:
        """Raises DataError for a folder without photographs, and for more pairs an image than masks are drawn."""
        if not 1 <= per_image <= CANDIDATES:
            raise DataError(f"{per_image} pairs of a photograph cannot be made; allowed: 1 to {CANDIDATES}")
        self.folder, self.masks, self.own_size, self.notes = folder, masks, size, Notes()
        self.seed, self.per_image = seed, per_image
        self.sources = photographs(folder)

    def pairs(self, source: Path, size: int | None) -> list[Pair]:
        """As PairSet.pairs. At another size than the set's, crops and holes are the set's own, scaled."""
        image = Image.fromarray(read_photograph(source, one_frame=True).rgb)
        name = source.relative_to(self.folder)
        crops = self._crops(self._random(name), scaled_size(image.size, self.own_size, source))
        side = size or self.own_size
        scaled = image.resize(scaled_size(image.size, side, source), Image.Resampling.BICUBIC)
        stem = name.with_suffix("").as_posix()
        return [
            Pair(
                f"{stem}_crop{index:03d}_mask{index:03d}", _cut(scaled, crop, side), scaled_hole(crop.hole, (side,) * 2)
            )
            for index, crop in enumerate(crops)
        ]

    def describe(self) -> dict[str, Any]:
        rule = {
            "size": self.own_size,
            "candidates": CANDIDATES,
            "largest_hole": TEST_SET_LIMIT,
            "per_image": self.per_image,
        }
        return {"folder": str(self.folder), "kind": "made", "seed": self.seed, **rule}

    def _random(self, name: Path) -> np.random.Generator:
        digest = hashlib.sha256(name.as_posix().encode(errors="surrogateescape")).digest()
        return np.random.default_rng([self.seed, int.from_bytes(digest[:8])])

    def _crops(self, random: np.random.Generator, size: tuple[int, int]) -> list[Crop]:
        width, height = size
        drawn = [square_crop(random, self.masks.draw(random, height, width)) for _ in range(CANDIDATES)]
        fitting = [crop for crop in drawn if 0 < crop.hole.mean() <= TEST_SET_LIMIT]
        if not fitting:
            return []
        return [
            fitting[index] for index in random.choice(len(fitting), min(len(fitting), self.per_image), replace=False)
        ]


def drawing_size(mask_set_name: str) -> int:
    """thick-512 is drawn at 512."""
    _, _, ending = mask_set_name.rpartition("-")
    return int(ending) if ending.isdecimal() else DEFAULT_SIZE


def square_crop(random: np.random.Generator, mask: Array) -> Crop:
    """A square as large as the mask's smaller side, placed as official `propose_random_square_crop` (min_overlap 1).

    It ends behind the hole's last column (or row) and starts before it, so that a hole longer than the square loses
    its beginning, and so may a shorter one.
    """
    side = min(mask.shape)
    along = 1 if mask.shape[0] < mask.shape[1] else 0
    room = mask.shape[along] - side
    last = int(np.flatnonzero(mask.any(axis=1 - along)).max())
    first = max(0, min(room - 1, last - side))
    start = int(random.integers(first, max(first + 1, min(room, last))))
    left, top = (start, 0) if along else (0, start)
    return Crop(left, top, mask[top : top + side, left : left + side])


def _cut(image: Image.Image, crop: Crop, side: int) -> Array:
    """The crop's square in the photograph resized to the smaller side `side`."""
    factor = side / len(crop.hole)
    left = min(round(crop.left * factor), image.width - side)
    top = min(round(crop.top * factor), image.height - side)
    return np.asarray(image.crop((left, top, left + side, top + side)))
