"""PIL's pixel modes -> RGB bytes, alpha, and holes."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms

from lama_deploy.arrays import Array
from lama_deploy.errors import ImageError
from lama_deploy.images.budgets import MOST_METADATA
from lama_deploy.images.hole import CLIPSPACE, MaskLayers

SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I")
BROKEN = (OSError, TypeError, ValueError, ImageCms.PyCMSError)  # profiles
LOSSY = ("JPEG", "MPO", "WEBP", "AVIF")
MASK_NAN = "the mask has NaN; allowed: numbers, above 0 for the hole"
ALLOWED = "1, L, LA, P, PA, RGB, RGBA, CMYK, YCbCr, LAB, HSV or 16-bit grey"


def rgb_of(image: Image.Image) -> Array:
    """(H, W, 3) uint8. 16-bit greys keep their upper byte; CMYK goes through its ICC profile where it has one."""
    if image.mode in SIXTEEN_BIT:
        grey = clipped_to_16_bits(np.asarray(image))
        return np.repeat((grey >> 8).astype(np.uint8)[..., None], 3, axis=2)
    if image.mode == "F":
        raise ImageError(f"pixel mode F (32-bit floats) is not supported; allowed: {ALLOWED}")
    if image.mode == "CMYK" and _profile(image):
        return np.asarray(_cmyk_to_srgb(image))
    return np.asarray(image.convert("RGBA").convert("RGB") if has_alpha(image) else image.convert("RGB"))


def clipped_to_16_bits(grey: Array) -> Array:
    """uint16 of the machine's byte order."""
    return np.clip(grey, 0, 65535).astype(np.uint16)


def has_alpha(image: Image.Image) -> bool:
    return ("A" in image.getbands() and image.mode != "LAB") or "transparency" in image.info


def alpha_of(image: Image.Image) -> Array | None:
    """(H, W) uint8, None for an image without transparency."""
    return np.asarray(image.convert("RGBA").getchannel("A")) if has_alpha(image) else None


def mask_layers(mask: Image.Image, name: str = "") -> MaskLayers:
    """What a mask is drawn with. name: of its file, which tells ComfyUI's. Raises ImageError for NaN."""
    alpha = alpha_of(mask)
    return MaskLayers(_grey_of(mask), alpha, mask.format in LOSSY, name.startswith(CLIPSPACE))


def _grey_of(mask: Image.Image) -> Array:
    """(H, W) bytes, or the numbers that deeper modes have."""
    if mask.mode in SIXTEEN_BIT or mask.mode == "F":
        grey = np.asarray(mask)
        if mask.mode == "F" and np.isnan(grey).any():
            raise ImageError(MASK_NAN)
        is_16_bit = mask.mode == "I" and grey.min() >= 0 and 255 < grey.max() <= 65535
        return grey.astype(np.uint16) if is_16_bit else grey
    return np.asarray(mask.getchannel("L") if mask.mode == "LAB" else mask.convert("L"))


def icc_profile_of(image: Image.Image, grey: bool = False) -> bytes | None:
    """The image's ICC profile if it describes RGB, as results do, or greys where the result is `grey`."""
    profile = _profile(image)
    if not profile:
        return None
    try:
        space = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space
    except BROKEN:
        return None
    return profile if space.strip() in (("RGB", "GRAY") if grey else ("RGB",)) else None


def _profile(image: Image.Image) -> bytes:
    """Empty where there is none, and where it is so large that it is none."""
    profile = image.info.get("icc_profile")
    return profile if isinstance(profile, bytes) and len(profile) <= MOST_METADATA else b""


def _cmyk_to_srgb(image: Image.Image) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(_profile(image)))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except BROKEN:
        return image.convert("RGB")  # a broken profile: what viewers do
    assert converted is not None
    return converted
