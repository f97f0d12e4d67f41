"""What the Inpainter asks of an engine, and the list of engines."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


class Backend(Protocol):
    """One loaded model on one engine."""

    name: str

    def run(self, images: Array, masks: Array) -> Array:
        """images (N, H, W, 3) uint8, masks (N, H, W) uint8, nonzero = hole -> composited (N, H, W, 3).

        uint8, or floats nominally in [0, 1] from an artefact with the float interface. Any H and W of at least 1.
        """
        ...


def to_bytes(result: Array) -> Array:
    """Floats in [0, 1] -> uint8 as official: scale, clip, truncate. Bytes pass."""
    return result if result.dtype == np.uint8 else np.clip(result * 255, 0, 255).astype(np.uint8)
