"""Object shapes from files as holes, and the mixture of masks that a training configuration asks for.

Official code moves detected objects of the same picture about (`SegmentationMask`, detectron2 offline); here any
folder of binary object masks serves: each is cut out, flipped, scaled by up to a quarter and put somewhere.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lama_deploy.errors import ConfigError, DataError, LamaDeployError, brief
from lama_deploy.images.masks import Mask, MaskGenerator, Outpainting, mask_set
from lama_deploy.images.opening import decoded, pillow_quiet
from lama_deploy.training.config import DataConfig
from lama_deploy.training.sources import SUFFIXES

log = logging.getLogger(__name__)
MAX_UNREADABLE = 50  # in a row: then it is the folder, not a file
SCALE = 0.25  # official `max_scale_change`


@dataclass(frozen=True)
class ObjectMasks:
    """Draws one of the shapes in `files`: single-object masks, any nonzero pixel is the object."""

    files: tuple[Path, ...]

    @classmethod
    def from_folder(cls, folder: Path) -> ObjectMasks:
        """Every mask file under `folder`. Raises DataError when there is none."""
        files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        if not files:
            raise DataError(f"{brief(str(folder))}: no mask files here; allowed are {', '.join(SUFFIXES)}")
        return cls(tuple(files))

    def draw(self, rng: np.random.Generator, height: int, width: int) -> Mask:
        """The shape keeps its share of the picture, up to SCALE. Raises DataError where 50 files in a row have none."""
        import cv2

        shape, share = self._readable(int(rng.integers(len(self.files))))
        shape = shape[:: rng.choice((-1, 1)), :: rng.choice((-1, 1))]
        factor = rng.uniform(1 - SCALE, 1 + SCALE) * (share * height * width / shape.sum()) ** 0.5
        size = (_within(shape.shape[1] * factor, width), _within(shape.shape[0] * factor, height))
        small = cv2.resize(np.ascontiguousarray(shape), size, interpolation=cv2.INTER_NEAREST)
        mask = np.zeros((height, width), np.uint8)
        y, x = int(rng.integers(height - size[1] + 1)), int(rng.integers(width - size[0] + 1))
        mask[y : y + size[1], x : x + size[0]] = small
        return mask if mask.any() else np.maximum(mask, _dot(height, width, y, x))

    def _readable(self, number: int) -> tuple[Mask, float]:
        """The shape of a file and its share; where it cannot be read, that of the next: no file ends hours of work."""
        for shift in range(min(MAX_UNREADABLE, len(self.files))):
            try:
                return _cut_out(self.files[(number + shift) % len(self.files)])
            except DataError as error:
                log.warning("skipped: %s", error)
                last = error
        raise last


def _cut_out(path: Path) -> tuple[Mask, float]:
    """The object in its bounding box, and its share of the picture."""
    try:
        with pillow_quiet(), decoded(path) as image:
            mask = (np.asarray(image.convert("L")) > 0).astype(np.uint8)
    except LamaDeployError as error:
        raise DataError(f"{brief(str(path))}: unreadable mask ({error})") from error
    if not mask.any():
        raise DataError(
            f"{brief(str(path))}: a mask without a hole; nonzero pixels mark the object, so remove the file"
        )
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], float(mask.mean())


def _within(length: float, limit: int) -> int:
    return min(max(1, round(length)), limit)


def _dot(height: int, width: int, y: int, x: int) -> Mask:
    """One pixel: what is left of a shape too thin to survive the scaling."""
    mask = np.zeros((height, width), np.uint8)
    mask[y, x] = 1
    return mask


@dataclass(frozen=True)
class Choice:
    """One of several sources by probability."""

    parts: tuple[tuple[float, MaskGenerator], ...]

    def draw(self, rng: np.random.Generator, height: int, width: int) -> Mask:
        point = rng.random()
        for probability, part in self.parts[:-1]:
            if point < probability:
                return part.draw(rng, height, width)
            point -= probability
        return self.parts[-1][1].draw(rng, height, width)


def mask_source(config: DataConfig) -> MaskGenerator:
    """The masks of a configuration. Raises ConfigError for an unknown set or shares that are none."""
    shares = (config.mask_files_share, config.outpainting_share)
    if min(shares) < 0 or sum(shares) > 1:
        raise ConfigError(f"data.mask_files_share and data.outpainting_share are {shares}; each from 0, sum up to 1")
    if config.mask_files_share and not config.mask_files:
        raise ConfigError("data.mask_files_share is set, but data.mask_files names no folder of object masks")
    drawn = mask_set(config.masks).scaled(config.mask_scale)
    parts: list[tuple[float, MaskGenerator]] = [(config.outpainting_share, Outpainting())]
    if config.mask_files and config.mask_files_share:
        parts.append((config.mask_files_share, ObjectMasks.from_folder(Path(config.mask_files))))
    return Choice((*parts, (1.0, drawn)))
