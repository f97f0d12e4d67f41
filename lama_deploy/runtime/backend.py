"""What the Inpainter asks of an engine, and the list of engines."""

from __future__ import annotations

from typing import Any, Protocol

from lama_deploy.arrays import Array


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
