"""Every pixel mode of PIL gives the RGB, the alpha and the holes that a viewer shows."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from lama_deploy.errors import ImageError
from lama_deploy.images.hole import holes_in
from lama_deploy.images.mask_options import AS_OFFICIAL
from lama_deploy.images.notes import ignore
from lama_deploy.images.pixel_modes import alpha_of, has_alpha, icc_profile_of, mask_layers, rgb_of

RGB = np.random.default_rng(1).integers(0, 256, (6, 7, 3), dtype=np.uint8)
GREY = RGB[..., 0]
ALPHA = RGB[..., 1]
PHOTO = Image.fromarray(RGB)
COLOURS = [(0, 0, 0), (200, 100, 50), (1, 2, 3), (255, 255, 255)]
INDICES = RGB[..., 2] % 4


def grey3(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=2)


def palette(transparency: bytes | int | None = None) -> Image.Image:
    image = Image.fromarray(INDICES)
    image.putpalette(sum(COLOURS, ()))
    if transparency is not None:
        image.info["transparency"] = transparency
    return image


def lab(image: Image.Image) -> Image.Image:
    return ImageCms.profileToProfile(
        image, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )


def reopened(image: Image.Image, kind: str, **options: object) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, format=kind, **options)
    return Image.open(stream)


PALETTE_RGB = np.array(COLOURS, np.uint8)[INDICES]
EXACT = {
    "RGB": (PHOTO, RGB, None),
    "L": (Image.fromarray(GREY), grey3(GREY), None),
    "LA": (Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(ALPHA)]), grey3(GREY), ALPHA),
    "RGBA": (Image.fromarray(np.dstack([RGB, ALPHA])), RGB, ALPHA),
    "1": (Image.fromarray(GREY > 127), grey3((GREY > 127) * np.uint8(255)), None),
    "P": (palette(), PALETTE_RGB, None),
    "P, one colour transparent": (palette(2), PALETTE_RGB, np.where(INDICES == 2, 0, 255)),
    "P, alpha for each colour": (
        palette(bytes([9, 99, 199, 255])),
        PALETTE_RGB,
        np.array([9, 99, 199, 255])[INDICES],
    ),
    "PA": (palette(bytes([9, 99, 199, 255])).convert("PA"), PALETTE_RGB, np.array([9, 99, 199, 255])[INDICES]),
    "CMYK": (Image.fromarray(255 - np.dstack([RGB, RGB[..., 0] * 0 + 255]), "CMYK"), RGB, None),
    "I;16": (Image.fromarray(GREY.astype(np.uint16) * 256 + 255), grey3(GREY), None),
    "I": (Image.fromarray(GREY.astype(np.int32) * 256), grey3(GREY), None),
    "I outside 16 bits": (Image.fromarray(np.array([[-5, 70000]], np.int32)), grey3(np.array([[0, 255]])), None),
    "16-bit PNG": (reopened(Image.fromarray(GREY.astype(np.uint16) * 257), "PNG"), grey3(GREY), None),
    "1-bit PNG": (reopened(Image.fromarray(GREY > 127), "PNG"), grey3((GREY > 127) * np.uint8(255)), None),
    "GIF": (reopened(palette(2), "GIF", transparency=2), PALETTE_RGB, np.where(INDICES == 2, 0, 255)),
}


@pytest.mark.parametrize("mode", EXACT)
def test_rgb_and_alpha(mode):
    image, rgb, alpha = EXACT[mode]
    np.testing.assert_array_equal(rgb_of(image), rgb)
    assert rgb_of(image).dtype == np.uint8
    assert has_alpha(image) == (alpha is not None)
    if alpha is None:
        assert alpha_of(image) is None
    else:
        np.testing.assert_array_equal(alpha_of(image), alpha)
        assert alpha_of(image).dtype == np.uint8


@pytest.mark.parametrize(
    ("image", "distance"),
    [(PHOTO.convert("YCbCr"), 3), (PHOTO.convert("HSV"), 8), (lab(PHOTO), 16)],
    ids=["YCbCr", "HSV", "LAB"],
)
def test_other_colour_spaces_come_back_nearly(image, distance):
    assert np.abs(rgb_of(image).astype(int) - RGB).max() <= distance
    assert alpha_of(image) is None


def test_floating_point_pixels_are_refused():
    with pytest.raises(ImageError, match=r"pixel mode F \(32-bit floats\) is not supported; allowed: 1, L, LA"):
        rgb_of(Image.new("F", (2, 2)))


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_goes_through_its_profile(icc_profile, kind):
    cyan = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    plain = rgb_of(reopened(cyan, kind, **({"quality": 100} if kind == "JPEG" else {})))
    assert np.abs(plain.astype(int) - (0, 255, 255)).max() <= 2
    managed = rgb_of(reopened(cyan, kind, icc_profile=icc_profile(b"CMYK")))
    assert np.ptp(managed) <= 1 and abs(int(managed[0, 0, 0]) - 189) <= 2  # L* = 195 / 255 of 100, no hue


@pytest.mark.parametrize("space", [b"garbage", b"RGB ", b"GRAY"])
def test_cmyk_with_a_profile_that_does_not_fit_is_converted_plainly(icc_profile, space):
    profile = space if space == b"garbage" else icc_profile(space)
    image = Image.new("CMYK", (2, 2), (255, 0, 0, 0))
    image.info["icc_profile"] = profile
    assert (rgb_of(image) == (0, 255, 255)).all()


@pytest.mark.parametrize(
    ("space", "kept"), [(b"RGB ", True), (b"GRAY", False), (b"CMYK", False), (b"garbage", False), (b"", False)]
)
def test_only_a_profile_for_rgb_is_kept(icc_profile, space, kept):
    profile = icc_profile(space) if len(space) == 4 else space
    image = Image.new("RGB", (2, 2))
    image.info["icc_profile"] = profile
    assert icc_profile_of(image) == (profile if kept else None)


@pytest.mark.parametrize(("space", "kept"), [(b"RGB ", True), (b"GRAY", True), (b"CMYK", False)])
def test_a_profile_for_greys_is_kept_where_the_result_is_grey(icc_profile, space, kept):
    image = Image.new("L", (2, 2))
    image.info["icc_profile"] = icc_profile(space)
    assert icc_profile_of(image, grey=True) == (icc_profile(space) if kept else None)


def test_image_without_profile():
    assert icc_profile_of(Image.new("RGB", (2, 2))) is None


HOLE = (GREY % 3 == 0) & (GREY > 0)
FAINT = np.where(HOLE, 1, 0)
MASKS = {
    "1": Image.fromarray(HOLE),
    "L, faintest": Image.fromarray(FAINT.astype(np.uint8)),
    "RGB": Image.fromarray(grey3(np.where(HOLE, 255, 0).astype(np.uint8))),
    "RGBA, transparent": Image.fromarray(np.dstack([grey3(FAINT.astype(np.uint8)), GREY * 0])),
    "RGBA, opaque black": Image.fromarray(np.dstack([grey3(FAINT.astype(np.uint8)), GREY * 0 + 255])),
    "LA": Image.fromarray(FAINT.astype(np.uint8)).convert("LA"),
    "P": Image.fromarray(np.where(HOLE, 200, 0).astype(np.uint8)).convert("P"),
    "I;16, faintest": Image.fromarray(FAINT.astype(np.uint16)),
    "16-bit PNG": reopened(Image.fromarray(FAINT.astype(np.uint16)), "PNG"),
    "I": Image.fromarray(FAINT.astype(np.int32) * 70000),
    "F": Image.fromarray(np.where(HOLE, 1e-9, 0).astype(np.float32)),
    "F, negative": Image.fromarray(np.where(HOLE, 1, -1).astype(np.float32)),
    "I, negative": Image.fromarray(np.where(HOLE, 1, -1).astype(np.int32)),
    "CMYK": Image.fromarray(np.dstack([grey3(GREY * 0), np.where(HOLE, 0, 255).astype(np.uint8)]), "CMYK"),
    "LAB": lab(Image.fromarray(grey3(np.where(HOLE, 255, 0).astype(np.uint8)))),
}


@pytest.mark.parametrize("mode", MASKS)
def test_holes_are_every_pixel_above_zero(mode):
    holes = holes_in(mask_layers(MASKS[mode]), AS_OFFICIAL, ignore)
    np.testing.assert_array_equal(holes, HOLE)
    assert holes.dtype == np.uint8


def test_nan_is_neither_hole_nor_known():
    with pytest.raises(ImageError, match="the mask has NaN; allowed: numbers, above 0"):
        mask_layers(Image.new("F", (2, 2), float("nan")))
