"""A photograph with everything that it carries, from PIL's image of it and back: one path for files and for callers."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from lama_deploy.arrays import Array
from lama_deploy.images.budgets import MOST_METADATA, directory_excess, orientation_in
from lama_deploy.images.notes import Note, ignore
from lama_deploy.images.pixel_modes import SIXTEEN_BIT, alpha_of, clipped_to_16_bits, has_alpha, icc_profile_of, rgb_of
from lama_deploy.images.placing import ORIENTATION

GREY_MODES = ("1", "L", "LA", "La")
OTHER_COLOURS = ("CMYK", "YCbCr", "LAB", "HSV")
MOST_DPI = 1e5
# TIFF tags about how pixels are stored (and the ICC profile, kept by itself); in another file they would be wrong.
STORAGE_TAGS = {*range(254, 260), 262, 266, 273, *range(277, 282), 284, *range(288, 294), *range(317, 326), 330}
STORAGE_TAGS |= {*range(338, 348), *range(512, 522), *range(529, 533), 34675}
STORAGE_TAGS |= {37724}  # Photoshop's layers, which it would show instead of the result
CONVERTED = "the picture's colours (CMYK, YCbCr, LAB or HSV) become RGB"
UNKEPT = ("xmp", "XML:com.adobe.xmp", "photoshop", "comment", "gamma", "chromaticity")  # of PIL's info
UNKEPT_NOTE = "the file's XMP, IPTC, comments and gamma are not kept; EXIF, colour profile and resolution are"
CLIPPED = "the picture has 32-bit integers; what is outside of 16 bits is clipped"


@dataclass(frozen=True)
class Photograph:
    """As stored; exif keeps the orientation in which it is shown.

    rgb: (H, W, 3) uint8, what a model sees. alpha: (H, W) uint8, or uint16 beside 16-bit colours, or None.
    dpi: across and down, None where the file has none that makes sense.
    samples: the picture's own values where rgb is not all of them: grey (H, W) of uint8 or uint16, or colours
    (H, W, 3) of uint16.
    kind: Pillow's name of the format that it was read in; None where it was in none.
    """

    rgb: Array
    alpha: Array | None
    exif: Image.Exif
    icc_profile: bytes | None
    dpi: tuple[float, float] | None = None
    samples: Array | None = None
    kind: str | None = None

    @property
    def is_deep(self) -> bool:
        """Whether it has 16 bits a sample."""
        return self.samples is not None and self.samples.dtype == np.uint16


def photograph_of(image: Image.Image, note: Note = ignore) -> Photograph:
    """A loaded picture of any mode but F. Metadata that cannot be read or kept is left out. Raises ImageError."""
    if image.mode in OTHER_COLOURS:
        note(CONVERTED)
    if any(image.info.get(name) for name in UNKEPT):
        note(UNKEPT_NOTE)
    samples = _grey_samples(image, note)
    profile = icc_profile_of(image, grey=samples is not None)
    kind = "JPEG" if image.format == "MPO" else image.format
    return Photograph(rgb_of(image), alpha_of(image), _metadata(image), profile, _dpi(image), samples, kind)


def filled(photograph: Photograph, rgb: Array, hole: Array) -> Photograph:
    """The photograph with `rgb` inside the hole (H, W), in its own depth; all else keeps its value to the bit."""
    samples = photograph.samples
    if samples is not None:
        is_grey = samples.ndim == 2
        samples = fill_in(samples[..., None] if is_grey else samples, rgb, hole)
        samples = samples[..., 0] if is_grey else samples
    return replace(photograph, rgb=rgb, samples=samples)


def fill_in(samples: Array, rgb: Array, hole: Array) -> Array:
    """samples (..., H, W, 1 or 3), uint8 or uint16; where the hole is, rgb (..., H, W, 3) uint8, scaled to them."""
    fill = rgb if samples.shape[-1] == 3 else grey_of(rgb)[..., None]
    if samples.dtype == np.uint16:
        fill = fill.astype(np.uint16) * np.uint16(257)
    return np.where(hole[..., None] > 0, fill, samples)


def image_of(photograph: Photograph) -> Image.Image:
    """PIL's image of L, LA, RGB, RGBA or I;16, the last without alpha; colours have 8 bits there: PIL has no more.

    Its `info` has EXIF, profile and resolution, as an opened image has.
    """
    image = Image.fromarray(_bands(photograph))
    for name, value in metadata_of(photograph).items():
        image.info[name] = value
    return image


def is_whole_in_pil(photograph: Photograph) -> bool:
    """Whether `image_of` has all of its bits."""
    samples = photograph.samples
    return not photograph.is_deep or (samples is not None and samples.ndim == 2 and photograph.alpha is None)


def metadata_of(photograph: Photograph) -> dict[str, Any]:
    """{"exif": bytes, "icc_profile": bytes, "dpi": pair} of those that it has: as PIL's `info` and `save` have them."""
    found = {"icc_profile": photograph.icc_profile, "dpi": photograph.dpi}
    if len(photograph.exif):
        found["exif"] = photograph.exif.tobytes()
    return {name: value for name, value in found.items() if value}


def grey_of(rgb: Array) -> Array:
    """(..., 3) uint8 -> (...) uint8, the luminance (ITU-R 601) with PIL's integers, so that grey stays what it is."""
    wide = rgb.astype(np.uint32)
    return ((19595 * wide[..., 0] + 38470 * wide[..., 1] + 7471 * wide[..., 2] + 0x8000) >> 16).astype(np.uint8)


def _bands(photograph: Photograph) -> Array:
    samples, alpha = photograph.samples, photograph.alpha
    colours = photograph.rgb if samples is None or samples.ndim == 3 else samples
    return colours if alpha is None else np.dstack((eight_bits(colours), eight_bits(alpha)))


def in_eight_bits(photograph: Photograph) -> Photograph:
    """With the upper bytes of its samples alone, for formats that have no more."""
    samples, alpha = photograph.samples, photograph.alpha
    return replace(
        photograph,
        samples=None if samples is None or samples.ndim == 3 else eight_bits(samples),
        alpha=None if alpha is None else eight_bits(alpha),
    )


def eight_bits(samples: Array) -> Array:
    """The upper bytes of 16-bit samples; bytes as they are."""
    return (samples >> 8).astype(np.uint8) if samples.dtype == np.uint16 else samples


def _grey_samples(image: Image.Image, note: Note) -> Array | None:
    """None for colours."""
    if image.mode in SIXTEEN_BIT:
        grey = np.asarray(image)
        if image.mode == "I" and (grey.min() < 0 or grey.max() > 65535):
            note(CLIPPED)
        return clipped_to_16_bits(grey)
    if image.mode not in GREY_MODES or (image.mode == "1" and has_alpha(image)):
        return None
    return np.asarray(image if image.mode == "L" else image.convert("L"))


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    """Decoders take it from the file unchecked."""
    try:
        across, down = (float(value) for value in image.info["dpi"])
    except Exception:  # none, or a fraction by zero
        return None
    return (across, down) if all(math.isfinite(v) and 0 < v < MOST_DPI for v in (across, down)) else None


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
