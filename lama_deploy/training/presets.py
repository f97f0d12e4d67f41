"""The paper's training runs by name.

Sources: LaMa (WACV 2022) Tables 2, 3 and 4; official `configs/training/*.yaml`, named beside each entry. `steps` is
limit_train_batches x max_epochs = 25,000 x 40 of the official trainer; the paper's batch of 30 is 3 GPUs of 10, and
Big-LaMa's of 120 is 8 of 15.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lama_deploy.errors import ConfigError, brief
from lama_deploy.training.config import DataConfig, LossConfig, TrainConfig
from lama_deploy.variants import VARIANTS


def _variant(name: str) -> TrainConfig:
    return TrainConfig(generator=VARIANTS[name])


def _regular_with(losses: LossConfig) -> TrainConfig:
    return TrainConfig(generator=VARIANTS["lama-regular"], losses=losses)


def _celeba(name: str, batch_size: int) -> TrainConfig:
    return TrainConfig(generator=VARIANTS[name], data=DataConfig(batch_size=batch_size, augmentation="none"))


PRESETS: Mapping[str, TrainConfig] = {
    # Table 2 and Big-LaMa
    "lama-fourier": _variant("lama-fourier"),  # lama-fourier, ablv2_work_ffc075
    "lama-regular": _variant("lama-regular"),  # lama-regular, ablv2_work
    "lama-dilated": _variant("lama-dilated"),  # ablv2_work_md
    "shallow-fourier": _variant("shallow-fourier"),  # ablv2_work_ffc075 with n_blocks=6
    "deep-regular": _variant("deep-regular"),  # big-lama-regular
    "big-lama": replace(_variant("big-lama"), data=DataConfig(batch_size=15)),  # big-lama
    # Table 3, the perceptual loss
    "lama-regular-plain-ade20k": _regular_with(LossConfig(perceptual="resnet50-plain-ade20k")),  # _nodil_segmpl
    "lama-regular-clf-dilated": _regular_with(
        LossConfig(perceptual="resnet50-dilated-imagenet", perceptual_weight=1.0)
    ),  # _csdilirpl
    "lama-regular-clf-plain": _regular_with(
        LossConfig(perceptual="resnet50-plain-imagenet", perceptual_weight=0.3)
    ),  # _csirpl
    "lama-regular-vgg19": _regular_with(LossConfig(perceptual="vgg19", perceptual_weight=0.03)),  # _vgg
    "lama-regular-no-perceptual": _regular_with(LossConfig(perceptual_weight=0.0)),  # _no_segmpl
    "lama-regular-no-matching": _regular_with(LossConfig(feature_matching=0.0)),  # _no_fm
    # Table 4, the masks
    "lama-regular-narrow": replace(_variant("lama-regular"), data=DataConfig(masks="train-narrow")),  # _small_holes
    # CelebA-HQ: no augmentation
    "lama-fourier-celeba": _celeba("lama-fourier", 5),
    "lama-regular-celeba": _celeba("lama-regular", 5),
    "big-lama-celeba": _celeba("big-lama", 5),
}


def preset(name: str) -> TrainConfig:
    """An entry of PRESETS. Raises ConfigError for an unknown name."""
    if name not in PRESETS:
        raise ConfigError(f"training configuration '{brief(name)}' is unknown; a file, or one of: {', '.join(PRESETS)}")
    return PRESETS[name]
