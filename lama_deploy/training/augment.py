"""Augmentation: the official one, a plainer one for small sets of large photographs, and none.

Source: official `saicinpainting/training/data/datasets.py`, variant "distortions" (imgaug's affine and perspective
are albumentations' today); LaMa (WACV 2022) supplementary.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, get_args

from lama_deploy.errors import ConfigError, brief
from lama_deploy.training.config import Augmentation

if TYPE_CHECKING:
    import albumentations

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network for its newest version


def augmentation(name: Augmentation, crop: int, least_scale: float = 0.25) -> albumentations.Compose:
    """A callable for uint8 RGB pictures of any size -> (crop, crop, 3) uint8; seeded by its `set_random_seed`.

    least_scale: the smallest factor by which "photographs" scales them, above 0 and up to 1.
    Pictures smaller than the crop are padded by reflection, as in official code.
    """
    import albumentations as A  # noqa: N812 (its own convention)
    import cv2

    if name not in get_args(Augmentation):
        raise ConfigError(f"data.augmentation '{brief(name)}' is unknown; known: {', '.join(get_args(Augmentation))}")
    pad = A.PadIfNeeded(crop, crop, border_mode=cv2.BORDER_REFLECT_101)
    steps: dict[str, list[Any]] = {
        "distortions": [
            A.Perspective(scale=(0.0, 0.06), border_mode=cv2.BORDER_REPLICATE, p=0.5),
            A.Affine(
                scale={"x": (0.7, 1.3), "y": (0.7, 1.3)},
                rotate=(-40, 40),
                shear=(-0.1, 0.1),
                border_mode=cv2.BORDER_REFLECT_101,
                p=0.5,
            ),
            pad,
            A.OpticalDistortion(distort_limit=0.05, p=0.5),
            A.RandomCrop(crop, crop),
            *_flip_and_colours(),
        ],
        "photographs": [
            pad,  # first, so that nothing is scaled to no pixels
            A.RandomScale(scale_limit=(least_scale - 1.0, 0.0), interpolation=cv2.INTER_AREA, p=1.0),
            pad,
            A.RandomCrop(crop, crop),
            *_flip_and_colours(),
        ],
        "none": [pad, A.RandomCrop(crop, crop)],
    }
    return A.Compose(steps[name])


def _flip_and_colours() -> list[Any]:
    import albumentations as A  # noqa: N812

    return [
        A.HorizontalFlip(p=0.5),
        A.CLAHE(p=0.5),
        A.RandomBrightnessContrast(brightness_limit=0.2, contrast_limit=0.2, p=0.5),
        A.HueSaturationValue(hue_shift_limit=5, sat_shift_limit=30, val_shift_limit=5, p=0.5),
    ]
