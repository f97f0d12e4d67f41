"""Operations of a generator against PyTorch's own count."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gpu.generator.counts import generator_flops
from lama_deploy.model.generator import build_generator
from lama_deploy.variants import VARIANTS, GeneratorConfig


@pytest.mark.parametrize(
    ("config", "height", "width", "batch"),
    [
        (GeneratorConfig(width=8, blocks=1), 16, 24, 1),
        (GeneratorConfig(width=8, blocks=2), 40, 56, 3),
        (GeneratorConfig(width=12, blocks=1, downsamplings=2, ratio=0.4), 20, 36, 1),
        (GeneratorConfig(width=8, blocks=1, downsamplings=1, ratio=0.5, max_channels=12), 14, 10, 2),
    ],
)
def test_equals_the_count_of_torch(config: GeneratorConfig, height: int, width: int, batch: int) -> None:
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        build_generator(config)(torch.zeros(batch, 4, height, width))
    assert generator_flops(config, height, width, batch) == counter.get_total_flops()


def test_big_lama_at_512() -> None:
    """440 GFLOP, as the page says."""
    assert generator_flops(VARIANTS["big-lama"], 512, 512) == pytest.approx(440e9, rel=0.01)


def test_other_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="regular"):
        generator_flops(GeneratorConfig(kind="regular"), 64, 64)
