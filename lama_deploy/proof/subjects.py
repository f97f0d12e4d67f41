"""What the gate shows to models: drawn scenes, and the photographs that ship with the package, under seeded wide holes.

Drawn scenes reach sizes and edges that photographs do not; photographs are what people have, and what a network was
trained for: there errors are those that people would see.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from lama_deploy.arrays import Array
from lama_deploy.errors import LamaDeployError, brief
from lama_deploy.images.files import read_photograph
from lama_deploy.images.folders import SHIPPED, photographs
from lama_deploy.images.opening import MAX_PIXELS
from lama_deploy.images.scenes import scene

SMALL = 16
HOLES = 100  # seeds of photographs' holes begin here: calibration draws its own from 0


@dataclass(frozen=True)
class Size:
    """A drawn scene of `height` x `width` pixels, `batch` of them at once."""

    height: int
    width: int
    batch: int = 1

    def __post_init__(self) -> None:
        """Raises LamaDeployError: sizes come from a command line, and out of bundles of others."""
        if self.height * self.width * self.batch > MAX_PIXELS:
            raise LamaDeployError(f"size {self} is more than {MAX_PIXELS:,} pixels, which nothing is compared at")

    @classmethod
    def parse(cls, text: str) -> Size:
        """From "HxW" or "HxWxN". Raises LamaDeployError."""
        if not re.fullmatch(r"[1-9][0-9]{0,8}x[1-9][0-9]{0,8}(x[1-9][0-9]{0,8})?", text):
            raise LamaDeployError(
                f"size '{brief(text)}' is not HEIGHTxWIDTH or HEIGHTxWIDTHxBATCH, such as 256x320 or 64x64x2"
            )
        return cls(*map(int, text.split("x")))

    def pictures(self) -> tuple[Array, Array]:
        """images (batch, height, width, 3) and masks (batch, height, width), uint8."""
        return scene(self.height, self.width, self.batch)

    def __str__(self) -> str:
        return f"{self.height}x{self.width}" + (f"x{self.batch}" if self.batch > 1 else "")


@dataclass(frozen=True)
class SmallHole(Size):
    """A drawn scene with a hole of SMALL pixels that fills latent cells, at least 80 pixels high and wide.

    Nearly all of it is wrong where a decoder for holes alone computes too few cells around it, or the wrong ones.
    """

    def pictures(self) -> tuple[Array, Array]:
        images, masks = super().pictures()
        masks[:] = 0
        masks[:, 40 : 40 + SMALL, 24 : 24 + SMALL] = 1
        return images, masks

    def __str__(self) -> str:
        return f"{super().__str__()} with a small hole"


@dataclass(frozen=True)
class Photograph:
    """The shipped photograph `number` (from 0, counted round), its middle, scaled to `size`; a batch is that many."""

    number: int
    size: Size

    def pictures(self) -> tuple[Array, Array]:
        """As `Size.pictures`."""
        files = photographs(SHIPPED)
        numbers = range(self.number, self.number + self.size.batch)
        images = [fitted(read_photograph(files[number % len(files)]).rgb, self.size) for number in numbers]
        masks = [scene(self.size.height, self.size.width, seed=HOLES + number)[1][0] for number in numbers]
        return np.stack(images), np.stack(masks)

    def __str__(self) -> str:
        return f"{self.size} photograph {self.number + 1}"


Subject = Size | Photograph
# All six at the size that networks are trained at, and one larger.
PHOTOGRAPHS = (*(Photograph(number, Size(256, 256)) for number in range(6)), Photograph(0, Size(512, 512)))


def photographs_at(sizes: Iterable[Size]) -> Sequence[Photograph]:
    """One at each size, in turn, for engines that take no others."""
    return [Photograph(number, size) for number, size in enumerate(sizes)]


def subjects_of(size: Size) -> Sequence[Subject]:
    """For a file that takes nothing else: a drawn scene, and three photographs scaled to it."""
    return [size, *photographs_at([size] * 3)]


def fitted(rgb: Array, size: Size) -> Array:
    """The middle of a picture (H, W, 3) in `size`'s proportions, scaled to it."""
    height, width = rgb.shape[:2]
    scale = min(height / size.height, width / size.width)
    box_height, box_width = scale * size.height, scale * size.width
    top, left = (height - box_height) / 2, (width - box_width) / 2
    box = (left, top, left + box_width, top + box_height)
    return np.asarray(Image.fromarray(rgb).resize((size.width, size.height), Image.Resampling.BICUBIC, box=box))
