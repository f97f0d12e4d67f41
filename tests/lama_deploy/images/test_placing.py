"""A mask lies over the picture as it is shown or as it is stored, whatever EXIF says; who reads it may say which."""

import numpy as np
import pytest
from PIL import Image

from lama_deploy.errors import ImageError
from lama_deploy.images.inputs import given_image, mask_of
from lama_deploy.images.mask_options import MaskOptions
from lama_deploy.images.placing import BOTH_FIT, ORIENTATION, STORED_FROM_SHOWN

STORED = np.zeros((6, 6), np.uint8)
STORED[0, :3] = STORED[4, 5] = 1
WIDE = np.zeros((6, 10), np.uint8)
WIDE[0, :3] = WIDE[4, 9] = 1


def turned_picture(holes: np.ndarray, orientation: int) -> Image.Image:
    image = Image.new("RGB", holes.shape[::-1], (90, 80, 70))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image.info["exif"] = exif.tobytes()
    return image


def shown(holes: np.ndarray, orientation: int) -> np.ndarray:
    back = {6: 8, 8: 6}.get(orientation, orientation)
    return np.ascontiguousarray(STORED_FROM_SHOWN[back](holes))


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("mask_as", ["stored", "shown"])
@pytest.mark.parametrize("kind", [np.asarray, Image.fromarray])
def test_a_mask_is_taken_as_it_is_said_to_be(orientation, mask_as, kind):
    given, notes = given_image(turned_picture(STORED, orientation)), []
    mask = kind((STORED if mask_as == "stored" else shown(STORED, orientation)) * 255)
    options = MaskOptions(mask_as=mask_as)
    np.testing.assert_array_equal(mask_of(mask, given, options, notes.append), STORED[None])
    assert notes == []


@pytest.mark.parametrize("orientation", range(2, 9))
def test_where_both_fit_pictures_are_shown_and_arrays_stored(orientation):
    given, notes = given_image(turned_picture(STORED, orientation)), []
    drawn = Image.fromarray(shown(STORED, orientation) * 255)
    np.testing.assert_array_equal(mask_of(drawn, given, note=notes.append), STORED[None])
    np.testing.assert_array_equal(mask_of(STORED, given, note=notes.append), STORED[None])
    assert notes == [
        BOTH_FIT.format(taken="shown", other="stored"),
        BOTH_FIT.format(taken="stored", other="shown"),
    ]


def test_nothing_is_said_of_a_mask_that_is_the_same_both_ways():
    notes: list[str] = []
    even = np.zeros((6, 6), np.uint8)
    even[2:4, 2:4] = 1
    mask_of(even, given_image(turned_picture(even, 6)), note=notes.append)
    assert notes == []


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("kind", [np.asarray, Image.fromarray])
def test_the_size_tells_where_it_can(orientation, kind):
    given, notes = given_image(turned_picture(WIDE, orientation)), []
    for mask in (WIDE, shown(WIDE, orientation)):
        np.testing.assert_array_equal(mask_of(kind(mask * 255), given, note=notes.append), WIDE[None])
    assert notes == []


@pytest.mark.parametrize(("mask_as", "size"), [("stored", "10x6 as it is stored"), ("shown", "6x10 as it is shown")])
def test_a_mask_that_does_not_fit_as_it_is_said_to(mask_as, size):
    given = given_image(turned_picture(WIDE, 6))
    mask = shown(WIDE, 6) if mask_as == "stored" else WIDE
    with pytest.raises(ImageError, match=f"the image {size}; both must have the same size"):
        mask_of(mask, given, MaskOptions(mask_as=mask_as))


def test_a_batch_is_turned_picture_by_picture():
    given = given_image(turned_picture(WIDE, 6))
    np.testing.assert_array_equal(mask_of(shown(WIDE, 6)[None], given), WIDE[None])
