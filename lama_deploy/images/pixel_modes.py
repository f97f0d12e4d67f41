"""PIL's pixel modes -> RGB bytes, alpha, and holes."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms

from lama_deploy.arrays import Array
from lama_deploy.errors import ImageError
from lama_deploy.images.budgets import MOST_METADATA

SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I")
BROKEN = (OSError, TypeError, ValueError, ImageCms.PyCMSError)  # profiles
ALLOWED = "1, L, LA, P, PA, RGB, RGBA, CMYK, YCbCr, LAB, HSV or 16-bit grey"


def rgb_of(image: Image.Image) -> Array:
    """(H, W, 3) uint8. 16-bit greys keep their upper byte; CMYK goes through its ICC profile where it has one."""
    if image.mode in SIXTEEN_BIT:
        grey = np.asarray(image)
        if image.mode == "I":
            grey = np.clip(grey, 0, 65535)
        return np.repeat((grey >> 8).astype(np.uint8)[..., None], 3, axis=2)
    if image.mode == "F":
        raise ImageError(f"pixel mode F (32-bit floats) is not supported; allowed: {ALLOWED}")
    if image.mode == "CMYK" and _profile(image):
        return np.asarray(_cmyk_to_srgb(image))
    return np.asarray(image.convert("RGBA").convert("RGB") if has_alpha(image) else image.convert("RGB"))


def has_alpha(image: Image.Image) -> bool:
    return ("A" in image.getbands() and image.mode != "LAB") or "transparency" in image.info


def alpha_of(image: Image.Image) -> Array | None:
    """(H, W) uint8, None for an image without transparency."""
    return np.asarray(image.convert("RGBA").getchannel("A")) if has_alpha(image) else None


def holes_of(mask: Image.Image) -> Array:
    """(H, W) uint8, 1 where the mask's grey value is above 0 (official `mask > 0`); transparency is ignored."""
    if mask.mode in SIXTEEN_BIT or mask.mode == "F":
        return (np.nan_to_num(np.asarray(mask)) > 0).astype(np.uint8)
    grey = mask.getchannel("L") if mask.mode == "LAB" else mask.convert("L")
    return (np.asarray(grey) > 0).astype(np.uint8)


def rgb_profile(image: Image.Image) -> bytes | None:
    """The image's ICC profile if it describes RGB, as the result does."""
    profile = _profile(image)
    if not profile:
        return None
    try:
        space = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space
    except BROKEN:
        return None
    return profile if space.strip() == "RGB" else None


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
