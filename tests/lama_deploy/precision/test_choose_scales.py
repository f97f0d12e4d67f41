"""Scales bring values and weights into half precision, exactly."""

import numpy as np
import pytest

from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.checkpoints.folded import FoldedWeights
from lama_deploy.checkpoints.topology import HEAD, layers
from lama_deploy.errors import ParityError
from lama_deploy.precision.choose_scales import STREAMS, TARGET, WEIGHT_LEAST, WEIGHT_LIMIT, choose_scales, fit_weights
from lama_deploy.precision.scales import scale_state


def test_weights_fit_where_a_branch_grows(growing: Checkpoint) -> None:
    scales = {
        layer.output: 1024.0 if "mid" in layer.output else 1.0
        for layer in layers(growing.config)
        if layer.output != HEAD
    }
    scales["local"] = 2.0**-9
    fitted = fit_weights(growing.config, growing.state_dict, scales)
    assert fitted != scales and all(fitted[value] <= scales[value] for value in scales)
    assert fitted["local"] == scales["local"]  # what blocks add to keeps the scale that its range asks for
    state = FoldedWeights(scale_state(growing.config, growing.state_dict, fitted))
    for layer in layers(growing.config):
        largest = np.abs(state.weight(layer)).max()
        assert largest <= WEIGHT_LIMIT, layer
        assert largest >= WEIGHT_LEAST or {layer.inputs[0][0], layer.output} & {"input", *STREAMS}, layer


def test_largest_values_come_near_the_target_and_never_above(growing: Checkpoint) -> None:
    values = sorted({layer.output for layer in layers(growing.config)})
    largest = {value: 3.0 * 2**i for i, value in enumerate(values)}
    scales = choose_scales(growing.config, growing.state_dict, largest)
    assert HEAD not in scales and set(scales) == set(values) - {HEAD}
    for value, scale in scales.items():
        assert scale * largest[value] * (4 if value.endswith("/spectral") else 1) <= TARGET
    assert scales["local"] * largest["local"] > TARGET / 2


def test_values_that_stay_zero_are_not_scaled(growing: Checkpoint) -> None:
    assert choose_scales(growing.config, growing.state_dict, {"local": 0.0, "stem": 1.0}).keys() == {"stem"}


def test_weights_that_powers_of_two_would_round(growing: Checkpoint) -> None:
    state = dict(growing.state_dict)
    key = "model.1.bn_l.weight"
    state[key] = np.full_like(state[key], 1e-40)
    with pytest.raises(ParityError, match=f"scaling {key} is not exact; .* Use float32"):
        choose_scales(growing.config, state, {"stem": 1e9})
