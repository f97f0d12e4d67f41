"""Images and masks of every kind become the same bytes, and results go back in the caller's kind and layout."""

import numpy as np
import pytest
import torch
from PIL import Image

from lama_deploy.errors import ImageError
from lama_deploy.images.frames import ONE_OF_MANY
from lama_deploy.images.inputs import given_image, mask_of
from lama_deploy.images.mask_options import MaskOptions
from lama_deploy.images.photograph import grey_of

RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(0, 256, (6, 7, 3), dtype=np.uint8)
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
    "HW2": (np.dstack([GREY, RGB[..., 1]]), GREY3[None]),
    "NHW4": (np.concatenate([BATCH, BATCH[..., :1]], -1), BATCH),
    "CHW": (RGB.transpose(2, 0, 1), RGB[None]),
    "NCHW": (BATCH.transpose(0, 3, 1, 2), BATCH),
    "int64": (RGB.astype(np.int64), RGB[None]),
    "uint32": (RGB.astype(np.uint32), RGB[None]),
    "list": (RGB.tolist(), RGB[None]),
    "torch HWC": (torch.from_numpy(RGB), RGB[None]),
    "torch HW": (torch.from_numpy(GREY.copy()), GREY3[None]),
    "torch 1HW": (torch.from_numpy(GREY.copy())[None], GREY3[None]),
    "torch RGBA": (torch.from_numpy(np.dstack([RGB, GREY]).transpose(2, 0, 1).copy()), RGB[None]),
    "torch int64": (CHW.long(), RGB[None]),
    "torch view": (torch.from_numpy(BATCH).permute(0, 3, 1, 2), BATCH),
}


@pytest.mark.parametrize("kind", IMAGES)
def test_image_of_every_kind(kind):
    image, wanted = IMAGES[kind]
    pixels = given_image(image).pixels
    np.testing.assert_array_equal(pixels, wanted)
    assert pixels.dtype == np.uint8 and pixels.flags.c_contiguous


@pytest.mark.parametrize("kind", IMAGES)
def test_result_goes_back_as_the_callers_kind(kind):
    """Of the same shape, and of the same values where nothing is hole: bytes, or uint16 where they were that."""
    image, pixels = IMAGES[kind][0], given_image(IMAGES[kind][0]).pixels
    hole = np.zeros(pixels.shape[:3], np.uint8)
    back = given_image(image).restore(255 - pixels, hole)
    library = torch.Tensor if isinstance(image, torch.Tensor) else np.ndarray
    assert type(back) is (Image.Image if isinstance(image, Image.Image) else library)
    given, array = (
        np.asarray(one) for one in (image.detach().float().resolve_neg() if library is torch.Tensor else image, back)
    )
    scale = 255 if given.dtype.kind in "bf" and given.max() <= 1 else 1
    assert array.shape == given.shape and array.dtype == (np.uint16 if given.dtype == np.uint16 else np.uint8)
    if array.size == pixels.size and array.dtype == np.uint8:
        return  # the backend's own, which has composited them already
    np.testing.assert_allclose(array, given * scale, atol=0.6 if scale == 255 else 0)


GREY16 = RANDOM.integers(0, 65536, (6, 7), dtype=np.uint16)
FILL = RANDOM.integers(0, 256, (1, 6, 7, 3), dtype=np.uint8)
HALF = np.zeros((6, 7), np.uint8)
HALF[:, 2:] = 1
GREY_FILL = grey_of(FILL[0])
DEEP_FILL = GREY_FILL.astype(np.uint16) * 257
HALF_FILLED = np.where(HALF[..., None], FILL[0], RGB)
FILLED = {
    "grey": (GREY, np.where(HALF, GREY_FILL, GREY)),
    "PIL grey": (Image.fromarray(GREY), np.where(HALF, GREY_FILL, GREY)),
    "16 bits": (GREY16, np.where(HALF, DEEP_FILL, GREY16)),
    "PIL 16 bits": (Image.fromarray(GREY16), np.where(HALF, DEEP_FILL, GREY16)),
    "with alpha": (np.dstack([RGB, GREY]), np.dstack([HALF_FILLED, GREY])),
    "PIL with alpha": (Image.fromarray(np.dstack([RGB, GREY])), np.dstack([HALF_FILLED, GREY])),
    "grey with alpha": (
        np.dstack([GREY, RGB[..., 1]]),
        np.dstack([np.where(HALF, GREY_FILL, GREY), RGB[..., 1]]),
    ),
    "colours of 16 bits": (
        RGB.astype(np.uint16) * 200,
        np.where(HALF[..., None], FILL[0].astype(np.uint16) * 257, RGB.astype(np.uint16) * 200),
    ),
    "torch RGBA": (
        torch.from_numpy(np.dstack([RGB, GREY]).transpose(2, 0, 1).copy()),
        np.dstack([HALF_FILLED, GREY]).transpose(2, 0, 1),
    ),
}


@pytest.mark.parametrize("kind", FILLED)
def test_fill_is_of_the_images_own_channels_and_depth(kind):
    image, wanted = FILLED[kind]
    composite = np.where(HALF[..., None], FILL, given_image(image).pixels)
    np.testing.assert_array_equal(np.asarray(given_image(image).restore(composite, HALF[None])), wanted)


def test_one_mask_fills_a_batch_with_alpha():
    batch = RANDOM.integers(0, 256, (3, 6, 7, 4), dtype=np.uint8)
    given = given_image(torch.from_numpy(batch.transpose(0, 3, 1, 2).copy()))
    painted = np.where(HALF[..., None], FILL, given.pixels)
    result = given.restore(painted, HALF[None]).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(result, np.concatenate([painted, batch[..., 3:]], -1))


def test_luminance_is_pils():
    pixels = RANDOM.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    np.testing.assert_array_equal(grey_of(pixels), np.asarray(Image.fromarray(pixels).convert("L")))


@pytest.mark.parametrize("value", [-1, 256])
def test_integers_that_are_no_bytes(value):
    image = RGB.astype(np.int64)
    image[1, 2, 0] = value
    with pytest.raises(ImageError, match=r"has dtype int64 and values outside 0 to 255; allowed: uint8, uint16, bool"):
        given_image(image)


def spoiled(value: float) -> np.ndarray:
    image = RGB / 255
    image[1, 2, 0] = value
    return image


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -0.01, 1.01, 255.0])
@pytest.mark.parametrize("as_torch", [True, False])
def test_floats_outside_the_unit_range(value, as_torch):
    image = torch.from_numpy(spoiled(value)).permute(2, 0, 1) if as_torch else spoiled(value)
    with pytest.raises(ImageError, match=r"must lie in \[0, 1\] and have no NaN; divide by 255"):
        given_image(image)


def test_floats_are_rounded_not_truncated():
    image = np.full((1, 1, 3), 99.6 / 255)
    assert given_image(image).pixels.tolist() == [[[[100, 100, 100]]]]


WRONG_IMAGES = {
    "0-D": (np.zeros(()), r"NumPy image has shape \(\)"),
    "1-D": (np.zeros(3), r"NumPy image has shape \(3,\)"),
    "a path that is not there": ("photo.png", "photo.png: no such file"),
    "a name too long": ("x" * 5000, "x…: .*too long"),
    "bytes": (b"photo", r"NumPy image has shape \(\)"),
    "None": (None, r"NumPy image has shape \(\)"),
    "two layouts": (np.zeros((2, 4, 6, 4)), r"shape \(2, 4, 6, 4\); which can be channels first or last"),
    "torch of two layouts": (torch.zeros(4, 6, 3), r"shape \(4, 6, 3\); which can be channels first or last"),
    "five channels": (np.zeros((5, 6, 7)), r"NumPy image has shape \(5, 6, 7\); allowed: grey \(H, W\), \(H, W, C\)"),
    "5-D": (np.zeros((1, 1, 4, 5, 3)), r"NumPy image has shape \(1, 1, 4, 5, 3\)"),
    "no rows": (np.zeros((0, 5, 3), np.uint8), "needs at least one pixel"),
    "no columns": (np.zeros((4, 0), np.uint8), "needs at least one pixel"),
    "empty batch": (np.zeros((0, 4, 5, 3), np.uint8), "needs at least one pixel"),
    "complex": (np.zeros((4, 5, 3), complex), "dtype complex128"),
    "objects": (np.full((4, 5, 3), None), "dtype object"),
    "int8": (np.full((4, 5, 3), -1, np.int8), "dtype int8 and values outside 0 to 255"),
    "torch two channels": (torch.zeros(2, 5, 6), r"torch image has shape \(2, 5, 6\); allowed: grey \(H, W\), \(C, H"),
    "torch int": (torch.full((3, 4, 5), 300), "dtype int64 and values outside"),
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
        given_image(image)


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
    "logits": (np.where(HOLE, 3.5, -2.5), HOLE[None]),
    "negative": (np.where(HOLE, 9, -9), HOLE[None]),
    "HW4, alpha of one value": (np.dstack([HOLE, HOLE, HOLE, HOLE * 0 + 9]), HOLE[None]),
    "bool HW4, of one colour": (np.dstack([HOLE > 9] * 3 + [HOLE > 0]), HOLE[None]),
    "HW2, drawn": (np.dstack([HOLE * 0, HOLE * 255]), HOLE[None]),
    "float HW4, drawn": (np.dstack([HOLE * 0 + 1.0] * 3 + [HOLE * 0.5]), HOLE[None]),
    "HW2, alpha of one value": (np.dstack([HOLE, HOLE * 0]), HOLE[None]),
    "torch negative": (torch.from_numpy(np.where(HOLE, 9, -9)), HOLE[None]),
    "PIL F, negative": (Image.fromarray(np.where(HOLE, 3.5, -2.5).astype(np.float32)), HOLE[None]),
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
    "NaN": (np.where(HOLE, np.nan, 0), "the mask has NaN; allowed: numbers, above 0 for the hole"),
    "PIL NaN": (Image.new("F", (5, 4), float("nan")), "the mask has NaN; allowed: numbers"),
    "torch NaN": (torch.full((4, 5), torch.nan), "the mask has NaN"),
    "1-D": (np.zeros(5), r"mask has shape \(5,\); allowed: \(H, W\), \(H, W, C\) with C"),
    "5-D": (np.zeros((1, 1, 1, 4, 5)), r"mask has shape \(1, 1, 1, 4, 5\)"),
    "channels first": (np.zeros((1, 1, 4, 5)), r"mask has shape \(1, 1, 4, 5\)"),
    "torch of three channels": (torch.zeros(2, 3, 4, 5), r"mask has shape \(2, 3, 4, 5\)"),
    "empty": (np.zeros((0, 5)), r"mask has shape \(0, 5\)"),
    "a path that is not there": ("mask.png", "mask.png: no such file"),
    "None": (None, "mask has dtype object"),
    "complex": (np.zeros((4, 5), complex), "mask has dtype complex128; allowed: bool, integers, floats"),
}


@pytest.mark.parametrize("kind", WRONG_MASKS)
def test_mask_that_is_none(kind):
    mask, message = WRONG_MASKS[kind]
    with pytest.raises(ImageError, match=message):
        mask_of(mask)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_the_images_size_tells_a_narrow_batch_from_channels(width):
    masks = np.zeros((2, 5, width), np.uint8)
    masks[1, 4, 0] = 1
    assert mask_of(masks, given_image(np.zeros((5, width, 3)))).shape == (2, 5, width)
    assert mask_of(masks, given_image(np.zeros((2, 5, 3)))).shape == (1, 2, 5)


def test_channels_first_masks_where_the_size_tells():
    np.testing.assert_array_equal(mask_of(HOLES[:, None], given_image(BATCH)), HOLES)


@pytest.mark.parametrize("kind", ["PIL", "NumPy", "torch", "path"])
def test_options_read_every_kind_of_mask(tmp_path, kind):
    soft = np.array([[0, 100, 200], [255, 127, 128]], np.uint8)
    Image.fromarray(soft).save(tmp_path / "m.png")
    masks = {
        "PIL": Image.fromarray(soft),
        "NumPy": soft,
        "torch": torch.from_numpy(soft),
        "path": tmp_path / "m.png",
    }
    above = mask_of(masks[kind], options=MaskOptions(mask_threshold=127))
    np.testing.assert_array_equal(above, [[[0, 0, 1], [1, 0, 1]]])
    np.testing.assert_array_equal(mask_of(masks[kind], options=MaskOptions(invert=True)), [[[1, 0, 0], [0, 0, 0]]])


def test_a_file_is_named_where_its_object_fails(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "i.png")
    (tmp_path / "i.png").write_bytes((tmp_path / "i.png").read_bytes()[:80])
    for image in (Image.open(tmp_path / "i.png"), str(tmp_path / "i.png")):
        with pytest.raises(ImageError, match=r"i.png: ") as caught:
            given_image(image)
        assert str(caught.value).count("i.png") == 1


def test_a_file_is_named_where_its_kind_is_not_taken(tmp_path):
    Image.new("F", (5, 4), float("nan")).save(tmp_path / "i.tif")
    with pytest.raises(ImageError, match=r"i.tif: pixel mode F"):
        given_image(Image.open(tmp_path / "i.tif"))
    for mask in (Image.open(tmp_path / "i.tif"), tmp_path / "i.tif"):
        with pytest.raises(ImageError, match=r"i.tif: the mask has NaN") as caught:
            mask_of(mask)
        assert str(caught.value).count("i.tif") == 1


def test_a_path_is_read_as_pil_would_be(tmp_path):
    Image.fromarray(np.dstack([RGB, GREY])).save(tmp_path / "i.png", dpi=(300, 300))
    given = given_image(tmp_path / "i.png")
    result = given.restore(FILL, HALF[None])
    np.testing.assert_array_equal(np.asarray(result), np.dstack([FILL[0], GREY]))
    assert [round(value) for value in result.info["dpi"]] == [300, 300]


def test_an_opened_animation_is_filled_where_it_is_and_said(tmp_path):
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    frames[0].save(tmp_path / "i.png", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "one.png")
    said: list[str] = []
    for name in ("one.png", "i.png"):
        with Image.open(tmp_path / name) as image:
            np.testing.assert_array_equal(given_image(image, said.append).pixels, RGB[None])
    assert said == [ONE_OF_MANY]
    with Image.open(tmp_path / "i.png") as image:
        image.seek(1)
        np.testing.assert_array_equal(given_image(image, said.append).pixels, 255 - RGB[None])
