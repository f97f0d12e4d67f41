"""A hole grows by a disc, exactly, whatever its form and however wide the picture is in words of bits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lama_deploy.errors import ImageError
from lama_deploy.images.grow import grown
from lama_deploy.images.mask_options import MaskOptions


def by_distance(holes: np.ndarray, radius: int) -> np.ndarray:
    rows, columns = np.nonzero(holes)
    y, x = np.mgrid[: holes.shape[0], : holes.shape[1]]
    squares = (y[..., None] - rows) ** 2 + (x[..., None] - columns) ** 2
    return (squares <= radius * radius).any(axis=-1).astype(np.uint8)


@given(st.integers(1, 40), st.integers(1, 200), st.integers(0, 250), st.integers(0, 8), st.integers(0, 2**32 - 1))
@settings(max_examples=80, deadline=None)
def test_every_pixel_within_the_distance(height, width, radius, count, seed):
    rng = np.random.default_rng(seed)
    holes = np.zeros((height, width), np.uint8)
    holes[rng.integers(0, height, count), rng.integers(0, width, count)] = 1
    before = holes.copy()
    np.testing.assert_array_equal(grown(holes, radius), by_distance(holes, radius))
    np.testing.assert_array_equal(holes, before)


@pytest.mark.parametrize("value", [-1, 1001, 2.5, True, "3"])
def test_what_is_no_growth(value):
    with pytest.raises(ImageError, match=r"grow is .*; allowed: an integer from 0 to 1000"):
        MaskOptions(grow=value)
