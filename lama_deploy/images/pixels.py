"""Bytes and floats: how pixels go into a model and come out of it."""

from __future__ import annotations

import numpy as np

from lama_deploy.arrays import Array


def to_bytes(result: Array) -> Array:
    """Floats in [0, 1] -> uint8 as official: scale, clip, truncate. Bytes pass."""
    return result if result.dtype == np.uint8 else np.clip(result * 255, 0, 255).astype(np.uint8)


def unit_planes(images: Array, masks: Array) -> tuple[Array, Array]:
    """The bytes of `Backend.run` as the float interface takes them: (N, 3, H, W) in [0, 1], (N, 1, H, W) 0 or 1."""
    unit = images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(unit), (masks[:, None] > 0).astype(np.float32)
