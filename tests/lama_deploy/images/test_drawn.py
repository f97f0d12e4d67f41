"""Boxes and points are the pixels that they say, cut at the edge, over the picture as it is shown."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lama_deploy.errors import ImageError
from lama_deploy.images.drawn import CUT, drawn_on, shapes_of
from lama_deploy.images.inputs import given_image, mask_of
from lama_deploy.images.mask_notes import EMPTY
from lama_deploy.images.mask_options import MaskOptions
from lama_deploy.images.placing import ORIENTATION, STORED_FROM_SHOWN
from lama_deploy.images.whole_hole import FULL

SIDES = st.integers(1, 40)
# Quarters, so that sums of floats are exact as those of the code, which reckons in fractions, are.
NUMBERS = st.integers(-120, 240).map(lambda quarters: quarters / 4)
LENGTHS = st.integers(1, 240).map(lambda quarters: quarters / 4)


def drawn(height: int, width: int, boxes=(), points=(), note=lambda text: None) -> np.ndarray:
    return drawn_on(height, width, shapes_of(boxes, points), note)


@given(SIDES, SIDES, NUMBERS, NUMBERS, LENGTHS, LENGTHS)
@settings(max_examples=100, deadline=None)
def test_a_box_is_what_it_touches(height, width, x, y, box_width, box_height):
    down, across = np.mgrid[:height, :width]
    wanted = (across + 1 > x) & (across < x + box_width) & (down + 1 > y) & (down < y + box_height)
    cut = x < 0 or y < 0 or x + box_width > width or y + box_height > height
    notes: list[str] = []
    if not wanted.any():
        with pytest.raises(ImageError, match="is outside of the picture"):
            drawn(height, width, [(x, y, box_width, box_height)])
        return
    found = drawn(height, width, [(x, y, box_width, box_height)], note=notes.append)
    np.testing.assert_array_equal(found, wanted)
    assert notes == [CUT] * cut


@given(SIDES, SIDES, NUMBERS, NUMBERS, st.fractions(0, 50, max_denominator=4).map(float))
@settings(max_examples=100, deadline=None)
def test_a_point_is_a_disc(height, width, x, y, radius):
    down, across = np.mgrid[:height, :width]
    wanted = (across - x) ** 2 + (down - y) ** 2 <= radius**2
    if not wanted.any():
        with pytest.raises(ImageError, match="is outside of the picture"):
            drawn(height, width, points=[(x, y, radius)])
        return
    np.testing.assert_array_equal(drawn(height, width, points=[(x, y, radius)]), wanted)


@given(st.integers(1, 3000), st.integers(0, 100))
@settings(max_examples=60, deadline=None)
def test_shares_meet_without_a_gap(side, share):
    notes: list[str] = []
    parts = [("0", "0", f"{share}%", 1), (f"{share}%", "0", f"{100 - share}%", 1)]
    parts = [part for part in parts if part[2] != "0%"]
    assert drawn(1, side, parts, note=notes.append).all()
    assert notes == []


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        (("80%", "90%", "20%", "10%"), slice(36, 40), slice(40, 50)),
        (("100%-10", "100%-5", 10, 5), slice(35, 40), slice(40, 50)),
        (("50%+1.5", 0, "10%-3.5", 2), slice(0, 2), slice(26, 28)),
    ],
)
def test_shares_of_the_picture(box, rows, columns):
    wanted = np.zeros((40, 50), np.uint8)
    wanted[rows, columns] = 1
    np.testing.assert_array_equal(drawn(40, 50, [box]), wanted)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"boxes": [(1, 2, 3)]}, r"boxes has .*; allowed: \(x, y, width, height\), each in pixels"),
        ({"boxes": (1, 2, 3, 4)}, "boxes has 1; allowed"),
        ({"boxes": "1,2,3,4"}, "boxes is 1,2,3,4; allowed: a list"),
        ({"boxes": [(1, 2, 3, "4px")]}, "boxes has '4px'; allowed: pixels"),
        ({"boxes": [(1, 2, 3, "80%30")]}, "boxes has '80%30'"),
        ({"points": [(1, 2, float("nan"))]}, "points has nan"),
        ({"points": [(1, 2, "")]}, "points has ''"),
        ({"points": [(1, 2, "1e400000000")]}, "points has"),
    ],
)
def test_what_is_neither_box_nor_point(options, message):
    with pytest.raises(ImageError, match=message):
        MaskOptions(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"boxes": [(1, 1, 0, 3)]}, "the box 1,1,0,3 has no width or no height in a picture of 6x4"),
        ({"boxes": [(9, 1, 2, 3)]}, "the box 9,1,2,3 is outside of the picture, which is 6x4"),
        ({"points": [(2, 2, -1)]}, "the point 2,2,-1 has a radius below 0"),
        ({"points": [(2, 12, 3)]}, "the point 2,12,3 is outside of the picture, which is 6x4"),
        ({}, "neither a mask nor a box or point"),
        ({"boxes": [(1, 1, 2, 2)], "invert": True}, "invert is of a mask, and there is none"),
    ],
)
def test_what_no_picture_has(options, message):
    with pytest.raises(ImageError, match=message):
        mask_of(None, given_image(np.zeros((4, 6, 3), np.uint8)), MaskOptions(**options))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mask_as", ["auto", "shown", "stored"])
def test_over_the_picture_as_it_is_shown(orientation, mask_as):
    image = Image.new("RGB", (9, 7))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image.info["exif"] = exif.tobytes()
    options = MaskOptions(boxes=[(0, 0, 2, 1)], mask_as=mask_as)
    holes = mask_of(None, given_image(image), options)[0]
    turn = STORED_FROM_SHOWN.get(orientation, lambda a: a) if mask_as != "stored" else lambda a: a
    shown = np.zeros((9, 7) if orientation > 4 and mask_as != "stored" else (7, 9), np.uint8)
    shown[0, :2] = 1
    np.testing.assert_array_equal(holes, turn(shown))


def test_with_a_mask_both_are_hole_and_both_grow():
    mask, wanted = np.zeros((12, 20), np.uint8), np.zeros((12, 20), np.uint8)
    mask[2, 3] = 255
    wanted[1:4, 3] = wanted[2, 2:5] = wanted[5:9, 10] = wanted[6:8, 9:12] = 1
    options = MaskOptions(boxes=[(10, 6, 1, 2)], grow=1)
    np.testing.assert_array_equal(mask_of(mask, options=options)[0], wanted)
    np.testing.assert_array_equal(mask_of(np.stack([mask, mask]), options=options), np.stack([wanted, wanted]))


def test_notes():
    notes: list[str] = []
    mask_of(np.zeros((12, 20), np.uint8), options=MaskOptions(boxes=[(1, 1, 5, 5)]), note=notes.append)
    assert notes == []
    mask_of(np.zeros((12, 20), np.uint8), options=MaskOptions(grow=5), note=notes.append)
    assert notes == [EMPTY]
    mask_of(np.eye(12, 20, dtype=np.uint8), options=MaskOptions(grow=15), note=notes.append)
    assert notes == [EMPTY, FULL]
