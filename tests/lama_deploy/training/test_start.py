"""The pass-through start: a fresh generator gives back what it sees, a random one does not."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from lama_deploy.errors import ConfigError
from lama_deploy.model.generator import build_generator
from lama_deploy.training.config import override
from lama_deploy.training.loop import build_networks
from lama_deploy.training.start import pass_through
from lama_deploy.variants import GeneratorConfig

GENERATORS = [
    GeneratorConfig(kind="ffc", width=12, blocks=2, downsamplings=2),
    GeneratorConfig(kind="regular", width=24, blocks=2),
    GeneratorConfig(kind="dilated", width=24, blocks=2),
]


def likeness(generator: torch.nn.Module) -> float:
    """Correlation between the output and a smooth picture without a hole, with batch statistics as in training."""
    noise = np.random.default_rng(3).random((4, 8, 12, 3)).astype(np.float32)
    image = np.stack([cv2.resize(small, (144, 96), interpolation=cv2.INTER_CUBIC) for small in noise]).clip(0, 1)
    picture = torch.from_numpy(image).permute(0, 3, 1, 2)
    with torch.no_grad():
        out = generator.train()(torch.cat((picture, torch.zeros_like(picture[:, :1])), dim=1))
    return float(np.corrcoef(out.numpy().ravel(), picture.numpy().ravel())[0, 1])


@pytest.mark.parametrize("config", GENERATORS, ids=lambda config: config.kind)
def test_picture_passes_through(config):
    torch.manual_seed(0)
    generator = build_generator(config)
    keys = [(key, value.shape) for key, value in generator.state_dict().items()]
    before = likeness(generator)
    pass_through(generator)
    assert [(key, value.shape) for key, value in generator.state_dict().items()] == keys
    assert abs(before) < 0.5
    assert likeness(generator) > 0.7


def test_run_starts_from_it_where_asked(fabric, config):
    config = override(config, ["generator={kind: regular, width: 24, blocks: 1}"])
    random = build_networks(fabric, config, None)
    passing = build_networks(fabric, replace(config, start="pass-through"), None)
    assert likeness(passing.generator) > 0.7 > likeness(random.generator)


def test_too_narrow_generators_are_refused():
    with pytest.raises(ConfigError, match="needs 48 channels after 2 downsamplings, this generator has 32"):
        pass_through(build_generator(GeneratorConfig(kind="ffc", width=8, blocks=1)))
