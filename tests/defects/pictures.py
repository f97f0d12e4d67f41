"""What can be wrong with a picture: changes to it, and to what the generator is given."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import nn

from lama_deploy.arrays import Array

Change = Callable[[Array], Array]


def posterised(levels: int, picture: Array) -> Array:
    step = 256 // levels
    values = np.clip(picture * 255, 0, 255).astype(int) // step * step + step // 2
    return (values + np.float32(0.5)) / 255


def blurred(picture: Array) -> Array:
    planes = nn.functional.pad(torch.from_numpy(picture).permute(0, 3, 1, 2), (1, 1, 1, 1), mode="replicate")
    return nn.functional.avg_pool2d(planes, 3, 1).permute(0, 2, 3, 1).numpy()


def dithered(levels: float, picture: Array) -> Array:
    return picture + np.random.default_rng(0).uniform(-levels, levels, picture.shape).astype(np.float32) / 255


def checked(levels: float, picture: Array) -> Array:
    """A checkerboard over it."""
    sign = 1 - 2 * (np.indices(picture.shape[1:3]).sum(axis=0) % 2)
    return picture + (levels / 255 * sign)[None, ..., None].astype(np.float32)


def striped(levels: float, picture: Array) -> Array:
    """Waves of eight pixels, a latent's."""
    wave = np.sin(2 * np.pi * np.arange(picture.shape[2]) / 8)
    return picture + (levels / 255 * wave)[None, None, :, None].astype(np.float32)


def rounded(picture: Array) -> Array:
    """Bytes by rounding, where truncation is meant."""
    return (np.rint(np.clip(picture, 0, 1) * 255) + np.float32(1e-3)) / 255


def with_nan(picture: Array) -> Array:
    broken = picture.copy()
    broken[:, ::16, ::16] = np.nan
    return broken


def as_jpeg(quality: int, picture: Array) -> Array:
    found = []
    for pixels in np.clip(picture * 255, 0, 255).astype(np.uint8):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality)
        found.append(np.asarray(Image.open(file)))
    return (np.stack(found) + np.float32(0.5)) / 255


def inverted(images: Array, masks: Array) -> tuple[Array, Array]:
    return images, (masks == 0).astype(np.uint8)


def channels_reversed(images: Array, masks: Array) -> tuple[Array, Array]:
    return images[..., ::-1].copy(), masks


def padded_above(images: Array, masks: Array) -> tuple[Array, Array]:
    """One pixel at the top and left, so that the picture lies elsewhere on the latent grid."""
    return tuple(
        np.pad(a, [(0, 0), (1, 0), (1, 0)] + [(0, 0)] * (a.ndim - 3), mode="symmetric") for a in (images, masks)
    )  # type: ignore[return-value]


def resized(height: int, width: int, images: Array, masks: Array) -> tuple[Array, Array]:
    small = [np.asarray(Image.fromarray(one).resize((width, height), Image.Resampling.BILINEAR)) for one in images]
    holes = [np.asarray(Image.fromarray(one).resize((width, height), Image.Resampling.NEAREST)) for one in masks]
    return np.stack(small), np.stack(holes)


def to_size_of(result: Array, masks: Array) -> Array:
    """Bytes, as an application does that resizes pictures for a network of a fixed size."""
    pixels, (height, width) = np.clip(result * 255, 0, 255).astype(np.uint8), masks.shape[1:]
    back = [np.asarray(Image.fromarray(one).resize((width, height), Image.Resampling.BILINEAR)) for one in pixels]
    return (np.stack(back) + np.float32(0.5)) / 255


CHANGES: dict[str, Change] = {
    **{f"{n:+d} grey levels": (lambda p, n=n: p + np.float32(n / 255)) for n in (1, 3, -3, 9)},
    "+5 grey levels of red": lambda p: p + np.array([5 / 255, 0, 0], np.float32),
    "gamma 1.1": lambda p: np.clip(p, 0, 1) ** np.float32(1.1),
    "linear light taken for sRGB": lambda p: np.clip(p, 0, 1) ** np.float32(2.2),
    "contrast 1.05": lambda p: 1.05 * (p - np.float32(0.5)) + np.float32(0.5),
    "blurred": blurred,
    "moved by one pixel": lambda p: np.roll(p, 1, axis=2),
    "dithered by 2 grey levels": partial(dithered, 2.0),
    "dithered by 12 grey levels": partial(dithered, 12.0),
    "a checkerboard of 1 grey level": partial(checked, 1.0),
    "a checkerboard of 2 grey levels": partial(checked, 2.0),
    "stripes of 2 grey levels": partial(striped, 2.0),
    **{f"posterised to {n} levels": partial(posterised, n) for n in (16, 32, 64)},
    "JPEG of quality 75": partial(as_jpeg, 75),
    "rounded to bytes, not truncated": rounded,
    "NaN here and there": with_nan,
    "constant grey": lambda p: np.full_like(p, 0.5),
    "red and blue exchanged": lambda p: p[..., ::-1],
}
