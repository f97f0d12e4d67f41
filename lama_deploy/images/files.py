"""Picture files: opened with everything a photograph carries, written back with it, never half."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from lama_deploy.arrays import Array
from lama_deploy.disk import appears_whole
from lama_deploy.errors import ImageError, brief
from lama_deploy.images.budgets import MOST_METADATA, directory_excess, orientation_in
from lama_deploy.images.opening import MAX_PIXELS, BeforeDecoding, nothing, opened
from lama_deploy.images.pixel_modes import alpha_of, holes_of, rgb_of, rgb_profile

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
STORAGE_TAGS |= {37724}  # Photoshop's layers, which it would show instead of the result
SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that make height of width
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


def read_photograph(path: Path, max_pixels: int = MAX_PIXELS, before_decoding: BeforeDecoding = nothing) -> Photograph:
    """A picture of `opening.READ`, its first frame. Metadata that cannot be read or kept is left out.

    Raises ImageError for anything unreadable, truncated or too large, DeviceMemoryError for what this process has not
    the memory to decode. max_pixels, before_decoding: as `opening.opened`.
    """
    with opened(path, max_pixels, before_decoding) as image:
        return Photograph(rgb_of(image), alpha_of(image), _metadata(image), rgb_profile(image))


def read_mask(path: Path, photograph: Photograph, max_pixels: int = MAX_PIXELS) -> Array:
    """(H, W) uint8 of the photograph's stored size, 1 in the hole.

    A mask is drawn over the picture as it is shown, so it is turned with the photograph's EXIF orientation; one that
    fits only the stored size is taken as stored. Raises ImageError when neither fits, and as `read_photograph`.
    """
    height, width = photograph.rgb.shape[:2]
    orientation = photograph.exif.get(ORIENTATION, 1)
    shown = (height, width) if orientation in SIDEWAYS else (width, height)

    def check_size(mask_height: int, mask_width: int) -> None:
        if (mask_width, mask_height) not in (shown, (width, height)):
            raise ImageError(
                f"the mask is {mask_width}x{mask_height}, the image {shown[0]}x{shown[1]}; both must have the same size"
            )

    turn = STORED_FROM_SHOWN.get(orientation)
    with opened(path, max_pixels, check_size) as mask:
        return holes_of(mask.transpose(turn) if turn is not None and mask.size == shown else mask)


def format_of(path: Path) -> str:
    """Pillow's format name for an output path. Raises ImageError for an unknown suffix."""
    if path.suffix.lower() not in FORMATS:
        raise ImageError(
            f"{brief(str(path))}: cannot write {brief(path.suffix) or 'a file without suffix'}; "
            f"allowed: {', '.join(FORMATS)}"
        )
    return FORMATS[path.suffix.lower()]


def write_photograph(path: Path, photograph: Photograph) -> None:
    """Write with alpha, EXIF and ICC profile; lossless but for JPEG. The file appears whole or not at all.

    BMP carries neither: its pixels are turned as they are shown.
    """
    kind = format_of(path)
    if photograph.alpha is not None and kind in OPAQUE:
        raise ImageError(f"{brief(str(path))}: {kind} cannot keep the image's transparency; write .png, .webp or .tif")
    bands = photograph.rgb if photograph.alpha is None else np.dstack((photograph.rgb, photograph.alpha))
    image = Image.fromarray(bands)
    options = dict(SAVE_OPTIONS[kind])
    if kind == "BMP":
        image.getexif()[ORIENTATION] = photograph.exif.get(ORIENTATION, 1)
        ImageOps.exif_transpose(image, in_place=True)
    else:
        options |= {"exif": photograph.exif, "icc_profile": photograph.icc_profile}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with appears_whole(path) as stream:
            image.save(stream, format=kind, **options)
    except (OSError, ValueError) as error:  # ValueError: too large for the format
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{brief(str(path))}: cannot be written ({brief(reason)})") from error


def _metadata(image: Image.Image) -> Image.Exif:
    """Nothing but the orientation where the block is hostile, or Pillow cannot read it or write it again."""
    block = b""
    try:
        block = _exif_block(image)
        if len(block) <= MOST_METADATA and directory_excess(block) is None:
            exif = image.getexif()
            for tag in STORAGE_TAGS.intersection(exif) if image.format == "TIFF" else ():
                del exif[tag]
            exif.tobytes()
            return exif
    except Exception:  # Pillow's parser has no common one, and no picture is lost for its metadata
        pass
    exif = Image.Exif()
    if orientation_in(block) != 1:
        exif[ORIENTATION] = orientation_in(block)
    return exif


def _exif_block(image: Image.Image) -> bytes:
    """As a TIFF file; empty for a TIFF, whose own directories have been looked at before it was decoded."""
    block = image.info.get("exif")
    if block is None and "Raw profile type exif" in image.info:  # ImageMagick's, in a PNG's text
        block = bytes.fromhex("".join(image.info["Raw profile type exif"].split("\n")[3:]))
    return re.sub(b"^(Exif\0\0){1,2}", b"", block or b"")
