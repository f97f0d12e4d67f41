"""What is no composite of the pictures is told before its error is measured."""

from __future__ import annotations

import numpy as np
import pytest

from lama_deploy.errors import DeviceMemoryError
from lama_deploy.images.scenes import scene
from lama_deploy.proof.parity import DynamicShapeError, KnownPixelsError, OutputShapeError, require_composite, run_at
from lama_deploy.proof.subjects import Size

SIZE = Size(16, 24)
IMAGES, MASKS = scene(16, 24)


@pytest.mark.parametrize("got", [IMAGES.astype(np.int32), IMAGES[:, 1:], IMAGES[0]], ids=["int32", "rows", "rank"])
def test_another_shape_or_type(got: np.ndarray) -> None:
    with pytest.raises(OutputShapeError):
        require_composite(got, IMAGES, MASKS, SIZE)


def test_known_pixels() -> None:
    require_composite(IMAGES, IMAGES, MASKS, SIZE)
    with pytest.raises(KnownPixelsError):
        require_composite(IMAGES ^ 1, IMAGES, MASKS, SIZE)


def test_a_want_of_memory_is_no_proof_of_anything() -> None:
    def run(error: Exception) -> None:
        raise error

    with pytest.raises(DynamicShapeError, match="does not run at 16x24: no"):
        run_at(SIZE, lambda *_: run(RuntimeError("no")), IMAGES, MASKS)
    with pytest.raises(DeviceMemoryError, match=r"^too little$"):
        run_at(SIZE, lambda *_: run(DeviceMemoryError("too little")), IMAGES, MASKS)
