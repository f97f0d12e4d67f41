"""Augmentation: the same for the same seed, the crop's size for any picture, and official in its parts."""

from typing import get_args

import albumentations
import numpy as np
import pytest

from lama_deploy.errors import ConfigError
from lama_deploy.training.augment import augmentation
from lama_deploy.training.config import Augmentation

CROP = 32
NAMES = get_args(Augmentation)
SIZES = [(1, 1), (1, 50), (2, 2), (3, 200), (31, 33), (200, 3), (64, 80)]


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def augmented(transform: albumentations.Compose, image: np.ndarray, seed: int) -> np.ndarray:
    transform.set_random_seed(seed)
    return transform(image=image)["image"]


@pytest.mark.parametrize("name", NAMES)
def test_any_picture_becomes_a_crop(name):
    transform = augmentation(name, CROP)
    for size in SIZES:
        for seed in range(8):
            result = augmented(transform, noise(*size), seed)
            assert result.shape == (CROP, CROP, 3) and result.dtype == np.uint8


@pytest.mark.parametrize("name", NAMES)
def test_seed_decides_alone(name):
    """Whatever the same or another object did before, and whatever the global states are."""
    image = noise(64, 80)
    first, second = augmentation(name, CROP), augmentation(name, CROP)
    wanted = [augmented(first, image, seed) for seed in range(6)]
    assert len({crop.tobytes() for crop in wanted}) == 6
    np.random.seed(3)
    augmented(second, noise(40, 40), 99)
    for seed in (5, 0, 3):
        np.testing.assert_array_equal(augmented(second, image, seed), wanted[seed])


@pytest.mark.parametrize("name", NAMES)
def test_input_is_left_as_it_is(name):
    image = noise(64, 80)
    before = image.copy()
    image.flags.writeable = False
    augmented(augmentation(name, CROP), image, 1)
    np.testing.assert_array_equal(image, before)


def test_none_cuts_a_crop_out_and_nothing_else():
    image = np.stack(np.meshgrid(np.arange(80), np.arange(64), [7], indexing="xy"), axis=-1)[:, :, 0].astype(np.uint8)
    places = set()
    transform = augmentation("none", CROP)
    for seed in range(200):
        crop = augmented(transform, image, seed)
        x, y = int(crop[0, 0, 0]), int(crop[0, 0, 1])
        np.testing.assert_array_equal(crop, image[y : y + CROP, x : x + CROP])
        places.add((x, y))
    xs, ys = zip(*places, strict=True)
    assert min(xs) < 3 and max(xs) > 80 - CROP - 3 and min(ys) < 3 and max(ys) > 64 - CROP - 3


def test_small_pictures_are_padded_by_reflection():
    """Without repeating the edge, as cv2.BORDER_REFLECT_101 does."""
    image = noise(20, 40)
    crop = augmented(augmentation("none", CROP), image, 0)
    rows = np.pad(np.arange(20), (6, 6), mode="reflect")
    starts = [x for x in range(40 - CROP + 1) if np.array_equal(crop, image[rows][:, x : x + CROP])]
    assert len(starts) == 1


@pytest.mark.parametrize(("least_scale", "low", "high"), [(0.25, 2.5, 4.2), (0.5, 1.5, 2.1), (1.0, 0.9, 1.1)])
def test_photographs_are_made_smaller_never_larger(least_scale, low, high):
    """A ramp over 256 pixels of 255 grey values is up to 1 / least_scale times as steep in the crop."""
    ramp = np.repeat(np.tile(np.arange(256, dtype=np.uint8), (256, 1))[..., None], 3, axis=2)
    transform = augmentation("photographs", CROP, least_scale)
    transform.transforms = transform.transforms[:4]  # without flips and colours
    slopes = [
        float(np.abs(np.diff(augmented(transform, ramp, seed)[16, :, 0].astype(float))).mean()) for seed in range(80)
    ]
    assert 0.9 < min(slopes) < 1.5 and low < max(slopes) < high


def test_distortions_are_the_official_ones():
    """Names, order, probabilities and limits of official `get_transforms("distortions")`."""
    steps = augmentation("distortions", 256).transforms
    names = [type(step).__name__ for step in steps]
    assert names == [
        "Perspective",
        "Affine",
        "PadIfNeeded",
        "OpticalDistortion",
        "RandomCrop",
        "HorizontalFlip",
        "CLAHE",
        "RandomBrightnessContrast",
        "HueSaturationValue",
    ]
    assert [step.p for step in steps] == [0.5, 0.5, 1.0, 0.5, 1.0, 0.5, 0.5, 0.5, 0.5]
    by_name = dict(zip(names, steps, strict=True))
    assert tuple(by_name["Perspective"].scale) == (0.0, 0.06)
    affine = by_name["Affine"]
    assert affine.scale == {"x": (0.7, 1.3), "y": (0.7, 1.3)}
    assert tuple(affine.rotate) == (-40, 40)
    assert affine.shear == {"x": (-0.1, 0.1), "y": (-0.1, 0.1)}
    assert tuple(by_name["RandomBrightnessContrast"].brightness_limit) == (-0.2, 0.2)
    assert tuple(by_name["RandomBrightnessContrast"].contrast_limit) == (-0.2, 0.2)
    colours = by_name["HueSaturationValue"]
    assert tuple(colours.hue_shift_limit) == (-5, 5)
    assert tuple(colours.sat_shift_limit) == (-30, 30)
    assert tuple(colours.val_shift_limit) == (-5, 5)
    assert (by_name["RandomCrop"].height, by_name["RandomCrop"].width) == (256, 256)


def test_unknown_name_is_refused():
    with pytest.raises(ConfigError, match="'all' is unknown; known: distortions, photographs, none"):
        augmentation("all", CROP)
