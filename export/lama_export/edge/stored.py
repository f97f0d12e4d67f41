"""Weights that a file stores in fewer bits than its engine computes in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WEIGHTS: Mapping[str, str] = {"fp16": "float16", "int8": "8 bits"}


def stored_weights(precision: str, least_psnr: float) -> dict[str, Any]:
    """A bundle's `quantisation`: what its file stores and what it is held to; empty in fp32."""
    if precision not in WEIGHTS:
        return {}
    asked = {"least_psnr": least_psnr} if precision == "int8" else {}
    return {"weights": WEIGHTS[precision], "computed": "float32", **asked}
