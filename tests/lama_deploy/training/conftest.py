"""A run small enough for tests: a tiny generator and discriminator, crops of 32 pixels, generated pictures."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from PIL import Image
from torch import Tensor

from lama_deploy.backbones.efficientnet_lite import EfficientNetLite0
from lama_deploy.training.config import DataConfig, DiscriminatorConfig, LossConfig, OptimizerConfig, TrainConfig
from lama_deploy.training.data import Batch
from lama_deploy.training.loop import Run, build_networks
from lama_deploy.training.step import Networks
from lama_deploy.variants import GeneratorConfig

CROP = 32


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    """Everything here is small: a second thread gains nothing, and costs much where others use the cores too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def config() -> TrainConfig:
    """Four steps of two pictures, saved every two; no network of a perceptual loss."""
    return TrainConfig(
        generator=GeneratorConfig(width=4, blocks=1),
        discriminator=DiscriminatorConfig(width=4, layers=2),
        losses=LossConfig(perceptual_weight=0.0),
        optimizer=OptimizerConfig(decay="cosine", ema=0.5),
        data=DataConfig(batch_size=2, crop=CROP, augmentation="none", mask_scale=0.125, workers=0),
        steps=4,
        log_every=2,
        pictures_every=3,
        save_every=2,
    )


def picture(height: int, width: int, seed: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Smooth colours with some noise."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (3, 4, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC), np.int16)
    return np.clip(smooth + random.integers(-20, 21, smooth.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def save_pictures() -> Callable[..., Path]:
    """Writes `count` different PNG files into a folder: (folder, count, height, width) -> the folder."""

    def save(folder: Path, count: int, height: int = 40, width: int = 48, seed: int = 0) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(count):
            Image.fromarray(picture(height, width, seed + index)).save(folder / f"{index:02d}.png")
        return folder

    return save


@pytest.fixture(scope="session")
def pictures(save_pictures: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of seven pictures of 40x48 pixels; not to be written to."""
    return save_pictures(tmp_path_factory.mktemp("pictures"), 7)


@pytest.fixture
def run(pictures: Path, tmp_path: Path) -> Run:
    return Run(data=pictures, out=tmp_path / "out", accelerator="cpu")


@pytest.fixture
def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1)


@pytest.fixture
def networks(fabric: Fabric) -> Callable[..., Networks]:
    """Builds what a configuration trains, from scratch; equal for equal configurations."""
    return lambda config: build_networks(fabric, config, None)


@pytest.fixture
def batch() -> Batch:
    """Two pictures with a hole each."""
    image = np.stack([picture(CROP, CROP, seed) for seed in (1, 2)])
    mask = torch.zeros(2, 1, CROP, CROP)
    mask[0, :, 5:20, 8:27] = 1
    mask[1, :, 16:, :11] = 1
    return Batch(torch.from_numpy(image).permute(0, 3, 1, 2).float() / 255, mask, ["one.png", "two.png"], [], 0)


@pytest.fixture(scope="session")
def efficientnet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights for the smallest of the perceptual losses."""
    random = torch.Generator().manual_seed(0)
    state = EfficientNetLite0().state_dict()
    path = tmp_path_factory.mktemp("backbone") / "efficientnet.pth"
    torch.save({key: _drawn(key, tensor, random) for key, tensor in state.items()}, path)
    return path


def _drawn(key: str, tensor: Tensor, random: torch.Generator) -> Tensor:
    if tensor.dim() < 2:
        return tensor if tensor.dtype == torch.int64 else torch.full_like(tensor, 0.1 if "mean" in key else 1.0)
    return torch.randn(tensor.shape, generator=random) * (2 / tensor[0].numel()) ** 0.5


@pytest.fixture
def change() -> Callable[..., TrainConfig]:
    """A configuration with fields replaced: (config, steps=1, losses={"r1": 0.0})."""

    def changed(config: TrainConfig, **values: object) -> TrainConfig:
        sections = {
            name: replace(getattr(config, name), **value) if isinstance(value, dict) else value
            for name, value in values.items()
        }
        return replace(config, **sections)

    return changed
