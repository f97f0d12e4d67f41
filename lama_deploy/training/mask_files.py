"""Object shapes from files as holes, and the mixture of masks that a training configuration asks for.

Official code moves detected objects of the same picture about (`SegmentationMask`, detectron2 offline); here any
folder of binary object masks serves: each is cut out, flipped, scaled by up to a quarter and put somewhere.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lama_deploy.disk import files_below
from lama_deploy.errors import ConfigError, DataError, LamaDeployError, brief
from lama_deploy.images.masks import Mask, MaskGenerator, Outpainting, mask_set
from lama_deploy.images.opening import decoded, pillow_quiet
from lama_deploy.training.config import DataConfig
from lama_deploy.training.sources import SUFFIXES

log = logging.getLogger(__name__)
MOST_LOOKED_AT = 1000  # files before a run, which take some ten seconds
MAX_UNREADABLE = 50  # in a row: then it is the folder, not a file
SCALE = 0.25  # official `max_scale_change`


@dataclass(frozen=True)
class ObjectMasks:
    """Draws one of the masks in `files`, in which any nonzero pixel is the object.

    as_is: the whole mask, scaled to cover what it is drawn for and cut to it, and not only the object moved about.
    """

    files: tuple[Path, ...]
    as_is: bool = False
    said: set[Path] = field(default_factory=set, compare=False, repr=False)  # unreadable ones, each once

    @classmethod
    def from_folder(cls, folder: Path, *, as_is: bool = False) -> ObjectMasks:
        """Every mask file under `folder`. Raises DataError when there is none."""
        files = [path for path in files_below(folder) if path.suffix.lower() in SUFFIXES]
        if not files:
            raise DataError(f"{brief(str(folder))}: no mask files here; allowed are {', '.join(SUFFIXES)}")
        return cls(tuple(files), as_is)

    def draw(self, rng: np.random.Generator, height: int, width: int) -> Mask:
        """An object keeps its share of the picture, up to SCALE.

        Raises DataError where 50 files in a row have no hole or cannot be read.
        """
        mask = self._readable(int(rng.integers(len(self.files))))
        return (_covering if self.as_is else _moved)(mask, rng, height, width)

    def _readable(self, number: int) -> Mask:
        """A file's mask; where it cannot be read, that of the next: no file ends hours of work."""
        for shift in range(min(MAX_UNREADABLE, len(self.files))):
            path = self.files[(number + shift) % len(self.files)]
            try:
                return read_mask(path)
            except DataError as error:
                if path not in self.said:
                    log.warning("skipped: %s", error)
                    self.said.add(path)
                last = error
        raise last

    def unreadable(self, most: int = MOST_LOOKED_AT) -> tuple[int, list[DataError]]:
        """(how many files were looked at, what was wrong with some): all of them, or `most` evenly spaced."""
        looked_at = self.files[:: -(-len(self.files) // most)]
        faults: list[DataError] = []
        for path in looked_at:
            try:
                read_mask(path)
            except DataError as error:
                faults.append(error)
        return len(looked_at), faults


def read_mask(path: Path) -> Mask:
    """(H, W) uint8, 1 where the file is not zero. Raises DataError, also where it is zero everywhere."""
    try:
        with pillow_quiet(), decoded(path) as image:
            mask = (np.asarray(image.convert("L")) > 0).astype(np.uint8)
    except (OSError, LamaDeployError) as error:
        raise DataError(f"{brief(str(path))}: unreadable mask ({brief(error)})") from error
    if not mask.any():
        raise DataError(
            f"{brief(str(path))}: a mask without a hole; nonzero pixels mark the object, so remove the file"
        )
    return mask


def _moved(mask: Mask, rng: np.random.Generator, height: int, width: int) -> Mask:
    """Its object in its bounding box, flipped, scaled and put somewhere."""
    import cv2

    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    shape, share = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], float(mask.mean())
    shape = shape[:: rng.choice((-1, 1)), :: rng.choice((-1, 1))]
    factor = rng.uniform(1 - SCALE, 1 + SCALE) * (share * height * width / shape.sum()) ** 0.5
    size = (_within(shape.shape[1] * factor, width), _within(shape.shape[0] * factor, height))
    small = cv2.resize(np.ascontiguousarray(shape), size, interpolation=cv2.INTER_NEAREST)
    placed = np.zeros((height, width), np.uint8)
    y, x = int(rng.integers(height - size[1] + 1)), int(rng.integers(width - size[0] + 1))
    placed[y : y + size[1], x : x + size[0]] = small
    return placed if placed.any() else _dot(height, width, y, x)


def _covering(mask: Mask, rng: np.random.Generator, height: int, width: int) -> Mask:
    """All of it where it has the same form, else a part that has some of its hole."""
    import cv2

    factor = max(height / mask.shape[0], width / mask.shape[1])
    size = (max(width, round(mask.shape[1] * factor)), max(height, round(mask.shape[0] * factor)))
    scaled: Mask = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    y, x = (int(rng.integers(have - want + 1)) for have, want in zip(scaled.shape, (height, width), strict=True))
    part = scaled[y : y + height, x : x + width]
    holes = np.argwhere(scaled)
    if part.any() or not len(holes):
        return part.copy() if part.any() else _dot(height, width, height // 2, width // 2)
    hole = holes[int(rng.integers(len(holes)))]
    y, x = (
        min(max(0, int(at) - want // 2), have - want)
        for at, have, want in zip(hole, scaled.shape, (height, width), strict=True)
    )
    return scaled[y : y + height, x : x + width].copy()


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


def object_masks(config: DataConfig) -> ObjectMasks:
    """Of the folder that a configuration names. Raises DataError."""
    return ObjectMasks.from_folder(Path(config.mask_files or ""), as_is=config.mask_files_as_is)


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
        parts.append((config.mask_files_share, object_masks(config)))
    return Choice((*parts, (1.0, drawn)))
