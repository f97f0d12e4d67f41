"""Images and masks of every kind become the same bytes, and results go back in the caller's kind and layout."""

import numpy as np
import pytest
import torch
from PIL import Image

from lama_deploy.errors import ImageError
from lama_deploy.images.inputs import mask_of, pixels_of

RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(0, 256, (4, 5, 3), dtype=np.uint8)
GREY = RGB[..., 0]
GREY3 = np.repeat(GREY[..., None], 3, axis=2)
BATCH = np.stack([RGB, RGB[::-1]])
CHW = torch.from_numpy(RGB.transpose(2, 0, 1).copy())
NCHW = torch.from_numpy(BATCH.transpose(0, 3, 1, 2).copy())

IMAGES = {
    "PIL RGB": (Image.fromarray(RGB), RGB[None]),
    "PIL L": (Image.fromarray(GREY), GREY3[None]),
    "HWC": (RGB, RGB[None]),
    "HW": (GREY, GREY3[None]),
    "HW1": (GREY[..., None], GREY3[None]),
    "HW4": (np.dstack([RGB, GREY]), RGB[None]),
    "NHWC": (BATCH, BATCH),
    "not contiguous": (RGB[:, ::-1], RGB[None, :, ::-1]),
    "bool": (RGB > 99, ((RGB > 99) * 255)[None]),
    "uint16": (RGB.astype(np.uint16) * 257, RGB[None]),
    "float32": (RGB.astype(np.float32) / 255, RGB[None]),
    "float64": (RGB / 255, RGB[None]),
    "float16": ((RGB / 255).astype(np.float16), RGB[None]),
    "torch CHW": (CHW, RGB[None]),
    "torch NCHW": (NCHW, BATCH),
    "torch float": ((NCHW / 255).requires_grad_(), BATCH),
    "torch half": ((CHW / 255).half(), RGB[None]),
    "torch bool": (CHW > 99, ((RGB > 99) * 255)[None]),
    "big-endian uint16": (RGB.astype(">u2") * 257, RGB[None]),
    "big-endian float": ((RGB / 255).astype(">f4"), RGB[None]),
    "masked, with nothing masked": (np.ma.masked_array(RGB, False), RGB[None]),
    "matrix": (np.matrix(GREY), GREY3[None]),
    "read-only": (np.frombuffer(RGB.tobytes(), np.uint8).reshape(RGB.shape), RGB[None]),
    "torch negative view": (torch.complex(CHW / 255, -(CHW / 255)).conj().imag, RGB[None]),
    "torch bfloat16": (torch.ones(3, 4, 5, dtype=torch.bfloat16), np.full((1, 4, 5, 3), 255)),
    "torch float8": (torch.ones(3, 4, 5).to(torch.float8_e4m3fn), np.full((1, 4, 5, 3), 255)),
    "torch view": (torch.from_numpy(BATCH).permute(0, 3, 1, 2), BATCH),
}


@pytest.mark.parametrize("kind", IMAGES)
def test_image_of_every_kind(kind):
    image, wanted = IMAGES[kind]
    pixels, _ = pixels_of(image)
    np.testing.assert_array_equal(pixels, wanted)
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize("kind", IMAGES)
def test_result_goes_back_as_the_callers_kind(kind):
    image, _ = IMAGES[kind]
    pixels, restore = pixels_of(image)
    back = restore(255 - pixels)
    plain = (255 - pixels) if getattr(image, "ndim", 3) == 4 else (255 - pixels)[0]
    if isinstance(image, torch.Tensor):
        assert isinstance(back, torch.Tensor) and back.dtype == torch.uint8
        plain = np.moveaxis(plain, -1, -3)
    else:
        assert type(back) is (Image.Image if isinstance(image, Image.Image) else np.ndarray)
    np.testing.assert_array_equal(np.asarray(back), plain)


def test_lists_of_integers_are_refused_by_their_dtype():
    with pytest.raises(ImageError, match=r"has dtype int64; allowed: uint8, uint16, bool, or floats in \[0, 1\]"):
        pixels_of(RGB.tolist())


def spoiled(value: float) -> np.ndarray:
    image = RGB / 255
    image[1, 2, 0] = value
    return image


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -0.01, 1.01, 255.0])
@pytest.mark.parametrize("as_torch", [True, False])
def test_floats_outside_the_unit_range(value, as_torch):
    image = torch.from_numpy(spoiled(value)).permute(2, 0, 1) if as_torch else spoiled(value)
    with pytest.raises(ImageError, match=r"must lie in \[0, 1\] and have no NaN; divide by 255"):
        pixels_of(image)


def test_floats_are_rounded_not_truncated():
    image = np.full((1, 1, 3), 99.6 / 255)
    assert pixels_of(image)[0].tolist() == [[[[100, 100, 100]]]]


WRONG_IMAGES = {
    "0-D": (np.zeros(()), r"NumPy image has shape \(\)"),
    "1-D": (np.zeros(3), r"NumPy image has shape \(3,\)"),
    "text": ("photo.png", r"NumPy image has shape \(\)"),
    "None": (None, r"NumPy image has shape \(\)"),
    "two channels": (np.zeros((4, 5, 2)), r"NumPy image has shape \(4, 5, 2\); allowed: \(H, W, 3\)"),
    "channels first": (np.zeros((3, 4, 5)), r"NumPy image has shape \(3, 4, 5\)"),
    "batch of RGBA": (np.zeros((2, 4, 5, 4)), r"NumPy image has shape \(2, 4, 5, 4\)"),
    "5-D": (np.zeros((1, 1, 4, 5, 3)), r"NumPy image has shape \(1, 1, 4, 5, 3\)"),
    "no rows": (np.zeros((0, 5, 3), np.uint8), "needs at least one pixel"),
    "no columns": (np.zeros((4, 0), np.uint8), "needs at least one pixel"),
    "empty batch": (np.zeros((0, 4, 5, 3), np.uint8), "needs at least one pixel"),
    "complex": (np.zeros((4, 5, 3), complex), "dtype complex128"),
    "objects": (np.full((4, 5, 3), None), "dtype object"),
    "int32": (np.zeros((4, 5, 3), np.int32), "dtype int32"),
    "torch channels last": (torch.zeros(4, 5, 3), r"torch image has shape \(4, 5, 3\); allowed: \(3, H, W\)"),
    "torch grey": (torch.zeros(4, 5), r"torch image has shape \(4, 5\)"),
    "torch RGBA": (torch.zeros(4, 4, 5), r"torch image has shape \(4, 4, 5\)"),
    "torch int": (torch.zeros(3, 4, 5, dtype=torch.int32), "dtype int32"),
    "dates": (np.zeros((4, 5, 3), "M8[s]"), r"dtype datetime64\[s\]"),
    "fields": (np.zeros((4, 5, 3), [("a", "u1"), ("b", "u1")]), "dtype of fields"),
    "ragged": ([[1, 2], [3]], r"the image cannot be used \(ValueError"),
    "masked": (np.ma.masked_array(RGB, RGB > 9), "masked elements; fill them first"),
    "a trillion pixels": (
        np.broadcast_to(np.uint8(1), (10**6, 10**6, 3)),
        "3.0e[+]12 elements is more than any picture",
    ),
    "64-D": (np.zeros((1,) * 64), r"shape \(1, 1, 1, 1, 1, 1, \.\.\.\)"),
    "torch sparse": (CHW.to_sparse(), "the image is a sparse torch tensor"),
    "torch quantised": (torch.quantize_per_tensor(CHW / 255, 0.1, 0, torch.quint8), "a quantised torch tensor"),
    "torch meta": (torch.empty(3, 4, 5, device="meta"), r"without values \(meta\)"),
    "torch complex": (torch.zeros(3, 4, 5, dtype=torch.complex64), "dtype complex64"),
    "torch nested": (torch.nested.nested_tensor([torch.zeros(3, 4), torch.zeros(2, 4)]), "the image cannot be used"),
    "torch empty": (torch.zeros(3, 0, 5), "needs at least one pixel"),
}


@pytest.mark.parametrize("kind", WRONG_IMAGES)
def test_image_that_is_none(kind):
    image, message = WRONG_IMAGES[kind]
    with pytest.raises(ImageError, match=message):
        pixels_of(image)


HOLE = (GREY > 128).astype(np.uint8)
HOLES = np.stack([HOLE, HOLE[::-1]])
MASKS = {
    "PIL 1": (Image.fromarray(HOLE > 0), HOLE[None]),
    "PIL L, faint": (Image.fromarray(HOLE), HOLE[None]),
    "HW": (HOLE * 7, HOLE[None]),
    "HW1": (HOLE[..., None], HOLE[None]),
    "HW3, one channel": (np.dstack([HOLE * 0, HOLE, HOLE * 0]), HOLE[None]),
    "NHW": (HOLES, HOLES),
    "NHW1": (HOLES[..., None], HOLES),
    "bool": (HOLE > 0, HOLE[None]),
    "negative": (-HOLE.astype(np.int32), HOLE[None]),
    "large": (HOLE.astype(np.int64) * 2**40, HOLE[None]),
    "uint16": (HOLE.astype(np.uint16) * 256, HOLE[None]),
    "tiny floats": (HOLE * 1e-30, HOLE[None]),
    "infinity": (np.where(HOLE, np.inf, 0), HOLE[None]),
    "torch HW": (torch.from_numpy(HOLE), HOLE[None]),
    "torch 1HW": (torch.from_numpy(HOLE)[None] > 0, HOLE[None]),
    "torch N1HW": (torch.from_numpy(HOLES)[:, None].float().requires_grad_(), HOLES),
    "torch 1HW three wide": (torch.tensor([[[0, 1, 0], [0, 0, 2]]]), np.array([[[0, 1, 0], [0, 0, 1]]])),
}


@pytest.mark.parametrize("kind", MASKS)
def test_mask_of_every_kind(kind):
    mask, wanted = MASKS[kind]
    holes = mask_of(mask)
    np.testing.assert_array_equal(holes, wanted)
    assert holes.dtype == np.uint8


WRONG_MASKS = {
    "NaN": (np.where(HOLE, np.nan, 0), "the mask has NaN; allowed: 0 for known pixels"),
    "torch NaN": (torch.full((4, 5), torch.nan), "the mask has NaN"),
    "1-D": (np.zeros(5), r"mask has shape \(5,\); allowed: \(H, W\), or \(N, H, W\)"),
    "5-D": (np.zeros((1, 1, 1, 4, 5)), r"mask has shape \(1, 1, 1, 4, 5\)"),
    "channels first": (np.zeros((1, 1, 4, 5)), r"mask has shape \(1, 1, 4, 5\)"),
    "torch of three channels": (torch.zeros(2, 3, 4, 5), r"mask has shape \(2, 3, 4, 5\)"),
    "empty": (np.zeros((0, 5)), r"mask has shape \(0, 5\)"),
    "text": ("mask.png", "mask has dtype <U8"),
    "None": (None, "mask has dtype object"),
    "complex": (np.zeros((4, 5), complex), "mask has dtype complex128; allowed: bool, integers, floats"),
}


@pytest.mark.parametrize("kind", WRONG_MASKS)
def test_mask_that_is_none(kind):
    mask, message = WRONG_MASKS[kind]
    with pytest.raises(ImageError, match=message):
        mask_of(mask)


@pytest.mark.parametrize("width", [1, 3])
def test_the_images_size_tells_a_narrow_batch_from_channels(width):
    masks = np.zeros((2, 5, width), np.uint8)
    masks[1, 4, 0] = 1
    assert mask_of(masks, (5, width)).shape == (2, 5, width)
    assert mask_of(masks, (2, 5)).shape == (1, 2, 5)
