"""Small generators of every kind, their weights, and scales for their values: for tests of range folding."""

import numpy as np
import pytest

from lama_deploy.checkpoints.topology import HEAD, layers
from lama_deploy.model import seeded_generator
from lama_deploy.variants import GeneratorConfig

CONFIGS = [
    GeneratorConfig(width=8, blocks=2),
    GeneratorConfig(width=12, blocks=1, downsamplings=2, ratio=0.4),
    GeneratorConfig(kind="regular", width=8, blocks=2),
    GeneratorConfig(kind="dilated", width=8, blocks=1, downsamplings=1),
]
KINDS = pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{config.kind}-{config.downsamplings}")


def state_of(config: GeneratorConfig, seed: int = 1) -> dict[str, np.ndarray]:
    return {key: value.numpy() for key, value in seeded_generator(config, seed=seed).state_dict().items()}


def drawn_scales(config: GeneratorConfig) -> dict[str, float]:
    random = np.random.default_rng(2)
    values = sorted({layer.output for layer in layers(config)} - {HEAD})
    return {value: 2.0 ** int(random.integers(-9, 10)) for value in values}
