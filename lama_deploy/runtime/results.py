"""Results that no model should give are errors, not filled holes."""

from __future__ import annotations

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.errors import EngineError, brief

NOT_FINITE = (
    "in half precision it may have overflowed, or its file is damaged; export it again, or use another precision"
)
BLACK = 8  # a pixel with no channel above is as good as black
WORTH_TELLING = 64  # pixels: a smaller hole may be black by chance


def check_computed(result: Array, images: Array) -> Array:
    """What a backend has computed for `images`, if it has their shape and is finite. Raises EngineError."""
    if result.shape != images.shape:
        raise EngineError(
            f"the model gave a result of shape {brief(result.shape)} for pictures of {images.shape}; export it again"
        )
    if result.dtype != np.uint8 and not np.isfinite(result).all():
        raise EngineError(f"the model computed NaN or infinity; {NOT_FINITE}")
    return result


def check_filled(result: Array, pixels: Array, holes: Array) -> None:
    """Raises EngineError where NaN became black on its way to bytes, inside of the model.

    result, pixels: (N, H, W, 3) uint8, holes: (N, H, W). Told by a hole in which every value is 0, in a picture
    without a single black pixel. A Fourier unit spreads one NaN over the whole picture.
    """
    for filled, known, hole in zip(result, pixels, holes > 0, strict=True):
        if np.count_nonzero(hole) < WORTH_TELLING or filled[hole].any():
            continue
        around = known[~hole]
        if around.size and around.max(axis=1).min() > BLACK:
            raise EngineError(f"the model filled the hole with nothing but black, as NaN comes out; {NOT_FINITE}")
