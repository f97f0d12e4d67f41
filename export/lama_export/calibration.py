"""Pictures with holes to measure activation ranges on: the user's, or six photographs that ship with the package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

import lama_deploy
from lama_deploy.evaluation.test_set import photographs
from lama_deploy.proof.scenes import scene
from lama_deploy.runtime.backend import Array
from lama_deploy.runtime.files import read_photograph

SHIPPED = Path(lama_deploy.__file__).parent / "data" / "calibration"
LONG_SIDE = 512


class CalibrationSet:
    """Photographs of a folder, made smaller to LONG_SIDE, under seeded wide holes; then noise, black and white.

    The last three reach what photographs do not: the strongest high frequencies and the strongest mean.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """folder: None for the shipped photographs. Raises DataError for one without photographs."""
        self.folder = folder
        self._files = photographs(folder or SHIPPED)

    def __len__(self) -> int:
        return len(self._files) + 3

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        """image (H, W, 3) and mask (H, W), uint8. Raises ImageError for a file that cannot be read."""
        for number, file in enumerate(self._files):
            image = Image.fromarray(read_photograph(file).rgb)
            image.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.BICUBIC)
            yield np.asarray(image), _hole(image.height, image.width, number)
        noise = np.random.default_rng(0).integers(0, 256, (LONG_SIDE, LONG_SIDE, 3), dtype=np.uint8)
        for number, extreme in enumerate((noise, np.zeros_like(noise), np.full_like(noise, 255))):
            yield extreme, _hole(LONG_SIDE, LONG_SIDE, number)

    def describe(self) -> dict[str, object]:
        """For the record."""
        return {"folder": str(self.folder or "shipped"), "images": len(self), "long_side": LONG_SIDE}


def _hole(height: int, width: int, seed: int) -> Array:
    _, masks = scene(height, width, seed=seed)
    hole: Array = masks[0]
    return hole
