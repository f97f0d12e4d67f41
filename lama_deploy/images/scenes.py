"""Deterministic pictures and masks for parity checks: smooth ground, sharp edges, noise, and wide holes."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from lama_deploy.arrays import Array


def scene(height: int, width: int, batch: int = 1, seed: int = 0) -> tuple[Array, Array]:
    """images (batch, height, width, 3) uint8 and masks (batch, height, width) uint8 with at least one hole pixel."""
    random = np.random.default_rng((seed, height, width, batch))
    pairs = [(_image(random, height, width), _mask(random, height, width)) for _ in range(batch)]
    images, masks = zip(*pairs, strict=True)
    return np.stack(images), np.stack(masks)


def _image(random: np.random.Generator, height: int, width: int) -> Array:
    coarse = Image.fromarray(random.integers(0, 256, (5, 6, 3), dtype=np.uint8))
    picture = coarse.resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    for _ in range(6):
        corners = np.sort(random.integers(0, max(height, width), (2, 2)), axis=0).ravel().tolist()
        draw.rectangle(corners, fill=tuple(random.integers(0, 256, 3).tolist()))
    noise = random.normal(0, 12, (height, width, 3))
    return np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8)


def _mask(random: np.random.Generator, height: int, width: int) -> Array:
    mask = Image.new("L", (width, height))
    draw = ImageDraw.Draw(mask)
    points = [(int(random.integers(width)), int(random.integers(height))) for _ in range(4)]
    draw.line(points, fill=255, width=max(1, min(height, width) // 6))
    draw.point(points, fill=255)
    return (np.asarray(mask) > 0).astype(np.uint8)
