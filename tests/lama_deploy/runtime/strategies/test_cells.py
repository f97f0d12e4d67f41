"""Holes on a grid of cells, against what SciPy finds."""

import numpy as np
import pytest
from scipy import ndimage

from lama_deploy.runtime.strategies.cells import boxes_of, cells_of, connected, depths, pixels_of


def drawn(seed: int, share: float) -> np.ndarray:
    random = np.random.default_rng(seed)
    height, width = random.integers(1, 40, 2)
    return random.random((height, width)) < share


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 1.0])
def test_labels_are_scipys(seed: int, share: float) -> None:
    cells = drawn(seed, share)
    labels, count = connected(cells)
    wanted, number = ndimage.label(cells, np.ones((3, 3)))
    assert count == number
    np.testing.assert_array_equal(labels, wanted)
    slices = ndimage.find_objects(wanted)
    found = [(rows.start, columns.start, rows.stop, columns.stop) for rows, columns in slices]
    assert boxes_of(labels, count) == found


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_depths_are_a_kings_moves_to_what_is_known(seed: int, share: float) -> None:
    cells = drawn(seed, share)
    if not cells.all():
        np.testing.assert_array_equal(depths(cells), ndimage.distance_transform_cdt(cells, "chessboard"))


def test_what_has_no_known_cell_is_deeper_than_any_other() -> None:
    assert depths(np.ones((3, 5), bool)).min() >= 5


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (9, 17), (40, 7)])
def test_a_cell_is_hole_where_one_of_its_pixels_is(size: tuple[int, int]) -> None:
    hole = (np.random.default_rng(0).random(size) < 0.02).astype(np.uint8)
    hole[-1, -1] = 1
    cells = cells_of(hole)
    assert cells.shape == (-(-size[0] // 8), -(-size[1] // 8))
    shown = pixels_of(cells, 0, 0, *size)
    assert shown[hole > 0].all()
    for row, column in np.argwhere(cells):
        assert hole[8 * row : 8 * row + 8, 8 * column : 8 * column + 8].any()
