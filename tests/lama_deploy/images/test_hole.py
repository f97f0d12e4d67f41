"""What of a mask is hole, by every convention in use, and what is said where they differ or a mask looks wrong."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lama_deploy.errors import ImageError
from lama_deploy.images.hole import ERASED, IGNORED, OPAQUE, holes_in
from lama_deploy.images.mask_notes import (
    BACKGROUND,
    EMPTY,
    FULL,
    INVERTED,
    NEGATIVE,
    PHOTOGRAPH,
    SPECKLES,
    SWAPPED,
)
from lama_deploy.images.mask_options import AS_OFFICIAL, MaskOptions
from lama_deploy.images.pixel_modes import mask_layers
from lama_deploy.images.scenes import scene

HOLE = np.zeros((40, 60), np.uint8)
HOLE[10:20, 15:40] = 1
PHOTO = scene(40, 60, seed=3)[0][0]
WHITE, BLACK = HOLE * 0 + 255, HOLE * 0


def read(
    image: Image.Image, name: str = "m.png", options: MaskOptions = AS_OFFICIAL, picture: np.ndarray | None = None
) -> tuple[np.ndarray, list[str]]:
    """The holes, and what is said."""
    notes: list[str] = []
    return holes_in(mask_layers(image, name), options, notes.append, picture), notes


def with_alpha(colour: np.ndarray, alpha: np.ndarray) -> Image.Image:
    bands = [colour[..., index] for index in range(3)] if colour.ndim == 3 else [colour] * 3
    return Image.fromarray(np.dstack([*bands, alpha]))


def grey(values: np.ndarray) -> Image.Image:
    return Image.fromarray(values.astype(np.uint8))


DRAWN = HOLE * 255
ERASED_ALPHA = 255 - DRAWN
# (mask, name of its file, what is hole, what is said)
CONVENTIONS: dict[str, tuple[Image.Image, str, np.ndarray, list[str]]] = {
    "white on black": (grey(DRAWN), "m.png", HOLE, []),
    "white on transparent black": (with_alpha(DRAWN, DRAWN), "m.png", HOLE, []),
    "white on transparent white": (with_alpha(WHITE, DRAWN), "m.png", HOLE, [OPAQUE]),
    "black on transparent": (with_alpha(BLACK, DRAWN), "m.png", HOLE, [OPAQUE]),
    "red on transparent red": (with_alpha(np.dstack([WHITE, BLACK, BLACK]), DRAWN), "m.png", HOLE, [OPAQUE]),
    "white on black, erased elsewhere": (with_alpha(DRAWN, ERASED_ALPHA), "m.png", HOLE, [IGNORED]),
    "a photograph, erased": (with_alpha(PHOTO, ERASED_ALPHA), "m.png", HOLE, [ERASED]),
    "a photograph with black in it, erased": (
        with_alpha(np.where(HOLE[::-1, ::-1, None], 0, PHOTO), ERASED_ALPHA),
        "m.png",
        HOLE,
        [ERASED],
    ),
    "black over transparent white": (with_alpha(ERASED_ALPHA, DRAWN), "m.png", 1 - HOLE, [IGNORED, INVERTED]),
    "clipspace, black": (with_alpha(BLACK, ERASED_ALPHA), "clipspace-mask-12.png", HOLE, [ERASED]),
    "clipspace, the picture": (with_alpha(PHOTO, ERASED_ALPHA), "clipspace-painted-masked-1.png", HOLE, [ERASED]),
    "opaque": (with_alpha(DRAWN, WHITE), "m.png", HOLE, []),
    "transparent throughout": (with_alpha(DRAWN, BLACK), "clipspace.png", HOLE, []),
    "grey with alpha": (Image.merge("LA", [grey(BLACK), grey(DRAWN)]), "m.png", HOLE, [OPAQUE]),
    "a palette": (Image.fromarray(DRAWN).convert("P"), "m.png", HOLE, []),
}


@pytest.mark.parametrize("case", CONVENTIONS)
def test_conventions_of_transparency(case):
    mask, name, wanted, said = CONVENTIONS[case]
    holes, notes = read(mask, name)
    np.testing.assert_array_equal(holes, wanted)
    assert notes == said and holes.dtype == np.uint8


def test_transparency_is_taken_or_left_as_asked():
    mask = with_alpha(DRAWN, np.roll(DRAWN, 5, axis=1))
    for options, wanted in (
        (MaskOptions(mask_from="alpha"), np.roll(HOLE, 5, axis=1)),
        (MaskOptions(mask_from="luminance"), HOLE),
        (MaskOptions(mask_from="alpha", invert=True), 1 - np.roll(HOLE, 5, axis=1)),
    ):
        np.testing.assert_array_equal(read(mask, options=options)[0], wanted)
    black = with_alpha(BLACK, ERASED_ALPHA)
    of_comfyui = read(black, "clipspace-mask-1.png", MaskOptions(mask_from="alpha"))[0]
    np.testing.assert_array_equal(of_comfyui, HOLE)
    np.testing.assert_array_equal(read(black, options=MaskOptions(mask_from="alpha", invert=True))[0], HOLE)
    assert read(black, options=MaskOptions(mask_from="luminance"))[1] == [EMPTY]


@pytest.mark.parametrize("mask", [grey(DRAWN), with_alpha(DRAWN, WHITE)])
def test_transparency_that_is_not_there(mask):
    with pytest.raises(ImageError, match="no transparency that varies, so mask-from alpha finds nothing; leave that"):
        read(mask, options=MaskOptions(mask_from="alpha"))


THRESHOLDS: dict[str, Image.Image] = {
    "bytes": grey(np.where(HOLE, 128, 127)),
    "16 bits": Image.fromarray(np.where(HOLE, 128 * 257, 127 * 257).astype(np.uint16)),
    "integers of 16 bits": Image.fromarray(np.where(HOLE, 128 * 257, 127 * 257).astype(np.int32)),
    "floats up to 1": Image.fromarray(np.where(HOLE, 0.51, 0.49).astype(np.float32)),
    "floats of bytes": Image.fromarray(np.where(HOLE, 128, 127).astype(np.float32)),
    "one bit": Image.fromarray(HOLE > 0),
}


@pytest.mark.parametrize("depth", THRESHOLDS)
def test_a_threshold_is_of_bytes_whatever_the_depth(depth):
    np.testing.assert_array_equal(read(THRESHOLDS[depth], options=MaskOptions(mask_threshold=127))[0], HOLE)


BACK_1 = np.where(HOLE, 200, 1)
LOGITS = np.where(HOLE, 4.0, -3.0).astype(np.float32)
DOUBTFUL: dict[str, tuple[Image.Image, list[str]]] = {
    "right": (grey(DRAWN), []),
    "of a single pixel": (grey(np.eye(40, 60) * 0 + (np.arange(60) == 3) * 9), []),
    "empty": (grey(BLACK), [EMPTY]),
    "white": (grey(WHITE), [FULL]),
    "white but for a corner": (grey(np.where(np.arange(60) < 2, 0, WHITE)), [FULL]),
    "background of 1": (grey(BACK_1), [BACKGROUND]),
    "probabilities": (Image.fromarray(np.where(HOLE, 0.99, 0.01).astype(np.float32)), [BACKGROUND]),
    "logits": (Image.fromarray(LOGITS), [NEGATIVE]),
    "integers as logits": (Image.fromarray(np.where(HOLE, 4, -3).astype(np.int32)), [NEGATIVE]),
    "inverted": (grey(255 - DRAWN), [INVERTED]),
    "inverted, from the edge": (grey(255 - np.roll(DRAWN, -12, axis=0)), [INVERTED]),
    "a photograph": (Image.fromarray(PHOTO), [PHOTOGRAPH]),
    "a photograph of 16 bits": (Image.fromarray(PHOTO[..., 0].astype(np.uint16) * 257), [PHOTOGRAPH]),
    "a photograph in floats": (Image.fromarray(PHOTO[..., 0].astype(np.float32) / 255), [PHOTOGRAPH]),
    "outpainting, less than half": (grey(np.where(np.arange(60) < 20, 255, BLACK)), []),
}


@pytest.mark.parametrize("case", DOUBTFUL)
def test_what_looks_wrong_is_said_once(case):
    mask, said = DOUBTFUL[case]
    assert read(mask)[1] == said


def test_what_is_meant_is_not_doubted():
    assert read(grey(255 - DRAWN), options=MaskOptions(invert=True))[1] == []
    assert read(grey(BACK_1), options=MaskOptions(mask_threshold=1))[1] == []


def test_image_and_mask_the_wrong_way_round():
    assert read(Image.fromarray(PHOTO), picture=np.dstack([DRAWN] * 3))[1] == [SWAPPED]
    assert read(Image.fromarray(PHOTO), picture=PHOTO)[1] == [PHOTOGRAPH]


def soft() -> np.ndarray:
    ramp = np.clip(np.arange(60) - 25, 0, 8) * 255 / 8
    return np.broadcast_to(ramp, (40, 60)).astype(np.uint8)


@pytest.fixture
def reopened(tmp_path: Path) -> Callable[..., Image.Image]:
    def save(values: np.ndarray, suffix: str, **options: object) -> Image.Image:
        Image.fromarray(values).save(tmp_path / f"m{suffix}", **options)
        return Image.open(tmp_path / f"m{suffix}")

    return save


def test_speckles_of_a_jpeg_are_said(reopened):
    disc = (np.hypot(*np.mgrid[-20:20, -30:30]) < 11.3).astype(np.uint8)
    mask = reopened(disc * 255, ".jpg", quality=50)
    holes, notes = read(mask)
    assert notes == [SPECKLES] and holes.sum() > disc.sum() + 20
    clean, notes = read(mask, options=MaskOptions(mask_threshold=127))
    assert notes == [] and abs(int(clean.sum()) - int(disc.sum())) < 20
    assert read(reopened(disc * 255, ".png"))[1] == []


def test_soft_edges_of_a_lossless_mask_are_meant(reopened):
    assert read(reopened(soft(), ".png"))[1] == []


WRONG_OPTIONS = {
    "threshold of white": ({"mask_threshold": 255}, "mask_threshold is 255; allowed: a number from 0 to below 255"),
    "negative": ({"mask_threshold": -1}, "mask_threshold is -1;"),
    "NaN": ({"mask_threshold": float("nan")}, "mask_threshold is nan;"),
    "text": ({"mask_threshold": "127"}, "mask_threshold is 127;"),
    "no bool": ({"invert": 1}, "invert is 1; allowed: True, False"),
    "unknown source": ({"mask_from": "red"}, "mask_from is red; allowed: auto, alpha, luminance"),
    "unknown place": ({"mask_as": "turned"}, "mask_as is turned; allowed: auto, stored, shown"),
    "no text": ({"mask_as": None}, "mask_as is None;"),
}


@pytest.mark.parametrize("case", WRONG_OPTIONS)
def test_options_that_are_none(case):
    keywords, message = WRONG_OPTIONS[case]
    with pytest.raises(ImageError, match=message):
        MaskOptions(**keywords)
