"""Holes to measure with, at any size of a picture."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from lama_deploy.arrays import Array

SHARE = 0.03  # of the picture, that an object hides


def hole_of_object(size: tuple[int, ...], seed: int) -> Array:
    """(H, W) uint8, 1 in a blob of about SHARE of it."""
    random = np.random.default_rng(seed)
    mask = Image.new("L", (size[1], size[0]))
    draw = ImageDraw.Draw(mask)
    radius = (SHARE * size[0] * size[1] / np.pi) ** 0.5
    y, x = random.uniform(0.3, 0.7, 2) * size
    for _ in range(5):
        a, b = radius * random.uniform(0.5, 0.9, 2)
        v, u = (y, x) + random.normal(size=2) * radius * 0.25
        draw.ellipse([u - a, v - b, u + a, v + b], fill=255)
    return (np.asarray(mask) > 0).astype(np.uint8)


def hole_of_lines(size: tuple[int, ...], seed: int) -> Array:
    """(H, W) uint8, 1 in three lines from side to side."""
    random = np.random.default_rng(seed)
    height, width = size
    mask = Image.new("L", (width, height))
    draw = ImageDraw.Draw(mask)
    for _ in range(3):
        ends = [(0, int(random.uniform(0, height))), (width, int(random.uniform(0, height)))]
        draw.line(ends, fill=255, width=max(6, height // 120))
    return (np.asarray(mask) > 0).astype(np.uint8)
