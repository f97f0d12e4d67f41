"""Windows made smaller for the model, and what it filled made as large again, with the detail of what lies around."""

from __future__ import annotations

import numpy as np
from PIL import Image

from lama_deploy.arrays import Array

KNOWN_ENOUGH = 192  # of 255 parts of a small pixel that are known, for it to be known: less, and it is filled again


def shrunk(image: Array, hole: Array, size: tuple[int, int]) -> tuple[Array, Array]:
    """(H, W, 3) uint8 and (H, W) nonzero = hole -> the same of `size` (h, w), smaller.

    A small pixel is the mean of the known pixels that it covers: what a hole hides never colours what is beside it.
    """
    layers = np.dstack((image, np.where(hole, np.uint8(0), np.uint8(255))))
    small = np.asarray(
        _resized(Image.fromarray(layers).convert("RGBa"), size, Image.Resampling.HAMMING).convert("RGBA")
    )
    return np.ascontiguousarray(small[..., :3]), (small[..., 3] < KNOWN_ENOUGH).astype(np.uint8)


def enlarged(small: Array, size: tuple[int, int]) -> Array:
    """(h, w, 3) uint8 -> (H, W, 3) uint8."""
    return np.asarray(_resized(Image.fromarray(small), size, Image.Resampling.BICUBIC))


def _resized(image: Image.Image, size: tuple[int, int], by: Image.Resampling) -> Image.Image:
    """Its width first, so that every Pillow gives the same bytes: from 13 on it begins with what is less work."""
    height, width = size
    return image.resize((width, image.height), by).resize((width, height), by)
