"""Picture files: opened with everything a photograph carries, written back with it, never half."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from lama_deploy.arrays import Array
from lama_deploy.disk import appears_whole
from lama_deploy.errors import ImageError
from lama_deploy.images.pixel_modes import alpha_of, holes_of, rgb_of, rgb_profile

MAX_PIXELS = 100_000_000  # a 100-megapixel camera; more is taken for a decompression bomb unless allowed
FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
SAVE_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "PNG": {},
    "WEBP": {"lossless": True, "exact": True},  # exact: colours under full transparency stay
    "TIFF": {},  # libtiff, which compresses, cannot write EXIF directories
    "BMP": {},
    "JPEG": {"quality": 95, "subsampling": 0},
}
OPAQUE = ("JPEG", "BMP")
ORIENTATION = 0x0112  # EXIF tag
# TIFF tags about how pixels are stored (and the ICC profile, kept by itself); in another file they would be wrong.
STORAGE_TAGS = {*range(254, 260), 262, 266, 273, *range(277, 282), 284, *range(288, 294), *range(317, 326), 330}
STORAGE_TAGS |= {*range(338, 348), *range(512, 522), *range(529, 533), 34675}
# From how a picture is shown to how its pixels are stored, by EXIF orientation.
STORED_FROM_SHOWN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True)
class Photograph:
    """rgb (H, W, 3) and alpha (H, W) or None, uint8, as stored; exif keeps the orientation in which it is shown."""

    rgb: Array
    alpha: Array | None
    exif: Image.Exif
    icc_profile: bytes | None


def read_photograph(path: Path, max_pixels: int = MAX_PIXELS) -> Photograph:
    """Any picture Pillow opens, its first frame. Raises ImageError for anything unreadable, truncated or too large.

    Above 179 megapixels `max_pixels` needs `pillow_limit_lifted` too.
    """
    image = _open(path, max_pixels)
    return Photograph(rgb_of(image), alpha_of(image), _metadata(image), rgb_profile(image))


def read_mask(path: Path, photograph: Photograph, max_pixels: int = MAX_PIXELS) -> Array:
    """(H, W) uint8 of the photograph's stored size, 1 in the hole.

    A mask is drawn over the picture as it is shown, so it is turned with the photograph's EXIF orientation; one that
    fits only the stored size is taken as stored. Raises ImageError when neither fits.
    """
    mask = _open(path, max_pixels)
    stored = photograph.rgb.shape[1::-1]
    turn = STORED_FROM_SHOWN.get(photograph.exif.get(ORIENTATION, 1))
    turned = mask.transpose(turn) if turn is not None else mask
    fitting = next((candidate for candidate in (turned, mask) if candidate.size == stored), None)
    if fitting is None:
        shown = stored[::-1] if photograph.exif.get(ORIENTATION) in (5, 6, 7, 8) else stored
        raise ImageError(
            f"{path}: the mask is {mask.width}x{mask.height}, the image {shown[0]}x{shown[1]}; "
            "both must have the same size"
        )
    return holes_of(fitting)


def format_of(path: Path) -> str:
    """Pillow's format name for an output path. Raises ImageError for an unknown suffix."""
    if path.suffix.lower() not in FORMATS:
        raise ImageError(
            f"{path}: cannot write {path.suffix or 'a file without suffix'}; allowed: {', '.join(FORMATS)}"
        )
    return FORMATS[path.suffix.lower()]


def write_photograph(path: Path, photograph: Photograph) -> None:
    """Write with alpha, EXIF and ICC profile; lossless but for JPEG. The file appears whole or not at all."""
    kind = format_of(path)
    if photograph.alpha is not None and kind in OPAQUE:
        raise ImageError(f"{path}: {kind} cannot keep the image's transparency; write .png, .webp or .tif")
    bands = photograph.rgb if photograph.alpha is None else np.dstack((photograph.rgb, photograph.alpha))
    options = dict(SAVE_OPTIONS[kind])
    if kind != "BMP":
        options |= {"exif": photograph.exif, "icc_profile": photograph.icc_profile}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with appears_whole(path) as stream:
            Image.fromarray(bands).save(stream, format=kind, **options)
    except (OSError, ValueError) as error:  # ValueError: too large for the format
        raise ImageError(f"{path}: cannot be written ({getattr(error, 'strerror', None) or error})") from error


def _metadata(image: Image.Image) -> Image.Exif:
    exif = image.getexif()
    for tag in STORAGE_TAGS.intersection(exif) if image.format == "TIFF" else ():
        del exif[tag]
    return exif


@contextmanager
def pillow_limit_lifted() -> Iterator[None]:
    """Leave the limit of pixels to `max_pixels`. Pillow's is one for the process: enter this before threads start."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _open(path: Path, max_pixels: int) -> Image.Image:
    try:
        image = Image.open(path)
        if image.width * image.height > max_pixels:
            raise ImageError(
                f"{path}: {image.width}x{image.height} is more than {max_pixels:,} pixels; "
                "if that is what it should be, raise --max-pixels"
            )
        image.load()
    except FileNotFoundError as error:
        raise ImageError(f"{path}: no such file") from error
    except Image.DecompressionBombError as error:
        hint = "make it smaller, or see pillow_limit_lifted"
        raise ImageError(f"{path}: more pixels than Pillow opens ({error}); {hint}") from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{path}: not a picture in any format Pillow reads") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ImageError(f"{path}: truncated or damaged ({error})") from error
    return image
