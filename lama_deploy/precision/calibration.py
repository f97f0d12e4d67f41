"""Pictures with holes to measure activation ranges on: the user's, or six photographs that ship with the package."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lama_deploy.arrays import Array
from lama_deploy.errors import DataError, LamaDeployError, brief
from lama_deploy.images.files import read_photograph
from lama_deploy.images.folders import SHIPPED, photographs
from lama_deploy.images.opening import pillow_quiet
from lama_deploy.images.scenes import scene

LONG_SIDE = 512
log = logging.getLogger(__name__)

Pair = tuple[Array, Array]


def _noise(shape: tuple[int, ...]) -> Array:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def _black(shape: tuple[int, ...]) -> Array:
    return np.zeros(shape, np.uint8)


def _white(shape: tuple[int, ...]) -> Array:
    return np.full(shape, 255, np.uint8)


EXTREMES = (_noise, _black, _white)


class CalibrationSet(Sequence[Pair]):
    """Photographs of a folder, made smaller to LONG_SIDE, under seeded wide holes; then noise, black and white.

    The last three reach what photographs do not: the strongest high frequencies and the strongest mean. A pair is
    image (H, W, 3) and mask (H, W), uint8, made when it is asked for.
    """

    def __init__(self, folder: Path | None = None, *, extremes: bool = True) -> None:
        """folder: None for the shipped photographs. extremes: the last three; ranges for int8 are to be as narrow as
        photographs allow. Photographs that cannot be read are left out with a warning. Raises DataError for a folder
        without readable ones.
        """
        self.folder = folder
        self._files = photographs(SHIPPED) if folder is None else _readable(folder)
        self._extremes = EXTREMES if extremes else ()

    def __len__(self) -> int:
        return len(self._files) + len(self._extremes)

    def __getitem__(self, number: Any) -> Any:
        """Raises ImageError for a file that cannot be read."""
        if number >= len(self):
            raise IndexError(number)
        if number < len(self._files):
            with pillow_quiet():
                image = Image.fromarray(read_photograph(self._files[number]).rgb)
            image.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.BICUBIC)
            pixels = np.asarray(image)
        else:
            pixels = self._extremes[number - len(self._files)]((LONG_SIDE, LONG_SIDE, 3))
        return pixels, _hole(pixels.shape[0], pixels.shape[1], number)

    def describe(self) -> dict[str, object]:
        """For the record."""
        return {"folder": str(self.folder or "shipped"), "images": len(self), "long_side": LONG_SIDE}


def _readable(folder: Path) -> list[Path]:
    """Looked at before anything is measured: a damaged file must not end hours of work, nor change them midway."""
    if not folder.is_dir():
        raise DataError(f"{brief(str(folder))}: no such folder; --calibration takes one with photographs")
    found = []
    for file in photographs(folder):
        try:
            with pillow_quiet():
                read_photograph(file)
        except LamaDeployError as error:
            log.warning("left out of the calibration: %s", error)
        else:
            found.append(file)
    if not found:
        raise DataError(f"{brief(str(folder))}: none of its photographs can be read; give others to calibrate on")
    return found


def _hole(height: int, width: int, seed: int) -> Array:
    _, masks = scene(height, width, seed=seed)
    hole: Array = masks[0]
    return hole
