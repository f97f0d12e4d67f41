"""Range folding is algebra: scaled generators compute what they did."""

import numpy as np
import pytest
import torch

from lama_deploy.checkpoints.keys import expected_shapes
from lama_deploy.checkpoints.topology import layers
from lama_deploy.model.predict import generator_from_state
from lama_deploy.precision.scales import power_of_two, scale_state
from lama_deploy.variants import VARIANTS
from tests.scaled_generators import CONFIGS, KINDS, drawn_scales, state_of


@pytest.mark.parametrize("config", [*CONFIGS, *VARIANTS.values()], ids=str)
def test_every_convolution_is_listed_with_its_channels(config):
    plan = layers(config)
    shapes = expected_shapes(config)
    convolutions = [key.removesuffix(".weight") for key, shape in shapes.items() if len(shape) == 4]
    assert sorted(layer.conv for layer in plan) == sorted(convolutions)
    for layer in plan:
        shape = shapes[f"{layer.conv}.weight"]
        assert sum(channels for _, channels in layer.inputs) == shape[0 if layer.transposed else 1]
    norms = {key.removesuffix(".running_var") for key in shapes if key.endswith(".running_var")}
    assert {layer.norm for layer in plan} - {None} == norms


@KINDS
def test_scaled_generator_is_the_same_function(config):
    """In float64 to the last bit: powers of two round nothing."""
    state = state_of(config)
    scales = drawn_scales(config)
    scaled = scale_state(config, state, scales)
    assert {key: array.shape for key, array in scaled.items()} == {key: array.shape for key, array in state.items()}
    x = torch.rand(1, 4, 40, 56, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = generator_from_state(config, state).double()(x)
        found = generator_from_state(config, scaled).double()(x)
    assert wanted.std() > 0.1
    assert (found - wanted).abs().max() < 1e-12
    back = scale_state(config, scaled, {value: 1 / scale for value, scale in scales.items()})
    assert all(np.array_equal(back[key], state[key]) for key in state)


def test_scales_that_are_none():
    config = CONFIGS[0]
    with pytest.raises(ValueError, match="no power of two"):
        scale_state(config, state_of(config), {"local": 3.0})
    with pytest.raises(ValueError, match="has no values trunk"):
        scale_state(config, state_of(config), {"trunk": 2.0})


@pytest.mark.parametrize("value", [1.0, 0.3, 1023.9, 1024.0, 7e-9])
def test_power_of_two(value):
    found = power_of_two(value)
    assert found <= value < 2 * found and np.frexp(found)[0] == 0.5
