"""Test sets: pairs of a photograph and its hole, read from a folder or made as the paper's were. Never held in memory.

A set lists its `sources` and makes the pairs of one at a time, so that a bad file costs only itself. Both kinds can be
had at several sizes (paper, figure 6): the same photograph and the same hole, scaled with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from lama_deploy.arrays import Array
from lama_deploy.disk import appears_whole
from lama_deploy.errors import DataError, ImageError, brief
from lama_deploy.images.files import read_mask, read_photograph
from lama_deploy.images.folders import MASK_FILES, files_below, is_picture, name_in, require_folder
from lama_deploy.images.notes import Notes
from lama_deploy.images.opening import MAX_PIXELS
from lama_deploy.images.pairs import FilePair, official_pairs

NO_MASK = "an image without a mask, which is left out"


@dataclass(frozen=True)
class Pair:
    """rgb (H, W, 3) uint8; hole (H, W) uint8, 1 = hole. `name`: of the mask, in the set, "/" between folders."""

    name: str
    rgb: Array
    hole: Array


class PairSet(Protocol):
    """own_size: the pictures' smaller side in pixels, None where each has its own. notes: what is odd."""

    notes: Notes

    @property
    def own_size(self) -> int | None: ...

    @property
    def sources(self) -> Sequence[Any]: ...

    def pairs(self, source: Any, size: int | None) -> list[Pair]:
        """The pairs of one source with that smaller side (None: as they are), none where no hole fits.

        Raises ImageError for files that cannot be used.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """What the set is, for the record."""
        ...


class PairFolder:
    """NAME.png (or another format) with NAME_mask*.png, as official `bin/predict.py` reads and `--write` writes."""

    own_size = None

    def __init__(self, folder: Path) -> None:
        """Raises DataError for a folder without pairs."""
        require_folder(folder)
        files = files_below(folder)
        if not any(path.match(MASK_FILES) for path in files):
            raise DataError(
                f"{folder}: no pairs NAME.png with NAME_mask*.png in it; to draw masks for photographs, add --masks SET"
            )
        self.folder, self.notes = folder, Notes()
        self.sources = official_pairs(folder, files)
        used = {pair.image for pair in self.sources}
        for path in filter(is_picture, files):
            if path not in used and not path.match(MASK_FILES):  # results are named as masks, and may lie here too
                self.notes.about(path)(NO_MASK)

    def pairs(self, source: FilePair, size: int | None) -> list[Pair]:
        photograph = read_photograph(source.image, one_frame=True)
        hole = read_mask(source.mask, photograph, note=self.notes.about(source.mask))
        pair = Pair(name_in(self.folder, source.mask), photograph.rgb, hole)
        return [pair if size is None else _resized(pair, size)]

    def describe(self) -> dict[str, Any]:
        """notes: of the pairs that have been read, and of images without masks, by kind the files."""
        return {"folder": str(self.folder), "kind": "pairs", "notes": self.notes.names()}


def write_pair(pair: Pair, folder: Path) -> None:
    """`X_crop000.png` and `X_crop000_mask000.png`, as official tools name them. Each file appears whole or not at all.

    Raises DataError when the disk refuses.
    """
    mask = folder / f"{pair.name}.png"
    image = mask.with_name(mask.name[: mask.name.rindex("_mask")] + ".png")
    try:
        mask.parent.mkdir(parents=True, exist_ok=True)
        for path, pixels in ((image, pair.rgb), (mask, pair.hole * np.uint8(255))):
            with appears_whole(path) as stream:
                Image.fromarray(pixels).save(stream, format="PNG")
    except OSError as error:
        raise DataError(f"{mask}: cannot be written ({error.strerror or error})") from error


def scaled_size(size: tuple[int, int], smaller_side: int, name: object = "the picture") -> tuple[int, int]:
    """The same picture's size with that smaller side, rounded as official `gen_mask_dataset.py` does.

    Raises ImageError for a picture so long that it would be too large.
    """
    factor = smaller_side / min(size)
    width, height = (int(np.round(side * factor)) for side in size)
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"{brief(str(name))}: {size[0]}x{size[1]} with a smaller side of {smaller_side} would be {width}x{height}, "
            f"more than {MAX_PIXELS:,} pixels; crop the picture"
        )
    return width, height


def scaled_hole(hole: Array, size: tuple[int, int]) -> Array:
    """`hole` at (width, height), by its nearest pixels."""
    return np.asarray(Image.fromarray(hole).resize(size, Image.Resampling.NEAREST))


def _resized(pair: Pair, smaller_side: int) -> Pair:
    image = Image.fromarray(pair.rgb)
    size = scaled_size(image.size, smaller_side, pair.name)
    rgb = np.asarray(image.resize(size, Image.Resampling.BICUBIC))
    return Pair(pair.name, rgb, scaled_hole(pair.hole, size))
