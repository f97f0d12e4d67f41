"""What the Inpainter asks of an engine, and the list of engines."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


class Backend(Protocol):
    """One loaded model on one engine."""

    name: str

    @property
    def device(self) -> Any:
        """Where it computes; as a string "cpu", "cuda" or "cuda:N"."""

    def run(self, images: Array, masks: Array) -> Array:
        """images (N, H, W, 3) uint8, masks (N, H, W) uint8, nonzero = hole -> composited (N, H, W, 3).

        uint8, or floats nominally in [0, 1] from an artefact with the float interface. Any H and W of at least 1.
        """
        ...


def to_bytes(result: Array) -> Array:
    """Floats in [0, 1] -> uint8 as official: scale, clip, truncate. Bytes pass."""
    return result if result.dtype == np.uint8 else np.clip(result * 255, 0, 255).astype(np.uint8)


def unit_planes(images: Array, masks: Array) -> tuple[Array, Array]:
    """The bytes of `Backend.run` as the float interface takes them: (N, 3, H, W) in [0, 1], (N, 1, H, W) 0 or 1."""
    unit = images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(unit), (masks[:, None] > 0).astype(np.float32)
