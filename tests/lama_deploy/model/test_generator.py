"""Generators: shapes, determinism, and lively outputs from seeded weights."""

import pytest
import torch

from lama_deploy.model import build_generator, seeded_generator
from lama_deploy.model.predict import inpaint, padded_size
from lama_deploy.variants import VARIANTS, GeneratorConfig

SMALL = {
    "ffc": GeneratorConfig(width=8, blocks=2),
    "regular": GeneratorConfig(kind="regular", width=8, blocks=2),
    "dilated": GeneratorConfig(kind="dilated", width=8, blocks=2),
}


@pytest.mark.parametrize("kind", SMALL)
@pytest.mark.parametrize(("height", "width"), [(72, 88), (104, 72)])
def test_output_shape_range_and_spread(kind: str, height: int, width: int) -> None:
    generator = seeded_generator(SMALL[kind], seed=1)
    x = torch.rand(2, 4, height, width)
    with torch.inference_mode():
        y = generator(x)
    assert y.shape == (2, 3, height, width)
    assert 0 <= y.min() < 0.3 and 0.7 < y.max() <= 1
    assert y.std() > 0.1


def test_built_generators_are_float32_and_in_eval_mode() -> None:
    with torch.device("meta"):
        generator = build_generator("big-lama")
    assert not generator.training
    assert {p.dtype for p in generator.parameters()} == {torch.float32}


def test_seed_decides_the_weights() -> None:
    first, same, other = (seeded_generator(SMALL["ffc"], seed=s).state_dict() for s in (3, 3, 4))
    assert all(torch.equal(first[key], same[key]) for key in first)
    assert not torch.equal(first["model.1.ffc.convl2l.weight"], other["model.1.ffc.convl2l.weight"])


def test_padding_reaches_the_minimum() -> None:
    assert [padded_size(VARIANTS["big-lama"], size) for size in (1, 16, 17, 24)] == [16, 16, 24, 24]
    assert [padded_size(VARIANTS["lama-dilated"], size) for size in (1, 72, 73)] == [72, 72, 80]


def test_reference_pipeline_keeps_known_pixels_and_ignores_the_hole() -> None:
    generator = seeded_generator(SMALL["ffc"], seed=1)
    image, mask = torch.rand(1, 3, 29, 43), torch.zeros(1, 1, 29, 43)
    mask[..., 5:20, 8:30] = 0.25  # any value above 0 is a hole
    other = image.clone()
    other[..., 5:20, 8:30] = float("nan")
    result = inpaint(generator, image, mask)
    assert torch.equal(result, inpaint(generator, other, mask))
    assert torch.equal(result[mask.expand_as(image) == 0], image[mask.expand_as(image) == 0])
    assert result[mask.expand_as(image) > 0].std() > 0.1
