"""What TensorRT calls an optimisation profile: a range of shapes with a number in its engine."""

from __future__ import annotations

from dataclasses import dataclass

from lama_deploy.shapes import ShapeRange


@dataclass(frozen=True)
class EngineProfile(ShapeRange):
    """Kernels were chosen for `best`. index: of the profile in its engine."""

    index: int
