"""What tests of the fused backend share."""

from collections.abc import Iterator

import pytest

from lama_deploy.cache import CACHE_VARIABLE
from lama_deploy.proof.scenes import scene
from lama_deploy.runtime import half_scales


@pytest.fixture(scope="module")
def small_calibration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Two small pictures instead of nine large ones, and a cache of their own for what is measured on them."""
    images, masks = scene(96, 128, 2, seed=9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(tmp_path_factory.mktemp("scales")))
        patch.setattr(half_scales, "CalibrationSet", lambda: list(zip(images, masks, strict=True)))
        yield
