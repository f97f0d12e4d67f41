"""Which powers of two bring a generator's values into half precision, from the largest magnitude measured of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.folded import FoldedWeights
from lama_deploy.checkpoints.topology import HEAD, layers
from lama_deploy.errors import ParityError
from lama_deploy.precision.calibration import LONG_SIDE
from lama_deploy.precision.scales import Scales, power_of_two, scale_state
from lama_deploy.variants import GeneratorConfig

TARGET = 4096.0  # largest magnitude after scaling: 16 times below the limit; the rest of the range is for small values
# Of the largest folded weight between two values: none overflows, and the small ones beside it keep their digits, which
# fp16 loses below 6e-5.
WEIGHT_LIMIT = 4096.0
WEIGHT_LEAST = 2.0**-5
STREAMS = ("local", "global", "trunk")  # what blocks add to: one scale serves all of them
LARGEST_SIDE = 2048  # pixels; spectra grow with the side, and are to fit up to this one


def choose_scales(
    config: GeneratorConfig, state_dict: Mapping[str, Array], largest: Mapping[str, float]
) -> dict[str, float]:
    """value of `topology` -> the power of two to fold in. `largest`: value -> magnitude measured at LONG_SIDE.

    Raises ParityError where the folded weights would not be exactly the given ones, or no scales are small enough.
    """
    wanted = {
        value: power_of_two(TARGET / (most * growth(value)))
        for value, most in largest.items()
        if value != HEAD and most > 0
    }
    scales = fit_weights(config, state_dict, wanted)
    folded = scale_state(config, state_dict, scales)
    _require_exact(state_dict, scale_state(config, folded, {value: 1 / scale for value, scale in scales.items()}))
    return scales


def growth(value: str) -> float:
    """How much larger a value may be at LARGEST_SIDE than where it was measured: the DC term grows with the side."""
    return LARGEST_SIDE / LONG_SIDE if value.endswith("/spectral") else 1.0


def fit_weights(config: GeneratorConfig, state_dict: Mapping[str, Array], scales: Scales) -> dict[str, float]:
    """Lower scales until the largest weight between two values lies between WEIGHT_LEAST and WEIGHT_LIMIT.

    Where a branch grows a thousandfold, its first values are small beside the scale that its last ones need: weights
    that read them become large, weights that write them small. Raises ParityError where no scales are small enough.
    """
    fitted = dict(scales)
    sizes = list(_weight_sizes(config, state_dict))
    for _ in sizes:
        before = dict(fitted)
        for value, output, size in sizes:
            weight = size * fitted.get(output, 1.0) / fitted.get(value, 1.0)
            if weight > WEIGHT_LIMIT and output in fitted:
                fitted[output] *= power_of_two(WEIGHT_LIMIT / weight)
            elif weight < WEIGHT_LEAST and value in fitted and value not in STREAMS:
                fitted[value] *= power_of_two(weight / WEIGHT_LEAST)
        if fitted == before:
            return fitted
    raise ParityError("no scales bring these weights into half precision; use float32")


def _weight_sizes(config: GeneratorConfig, state_dict: Mapping[str, Array]) -> Iterator[tuple[str, str, float]]:
    """(value read, value written, largest magnitude of the folded weights between them), for different values."""
    weights = FoldedWeights(state_dict)
    for layer in layers(config):
        weight = np.abs(weights.weight(layer))
        ends = np.cumsum([channels for _, channels in layer.inputs])[:-1]
        for (value, _), part in zip(
            layer.inputs, np.split(weight, ends, axis=0 if layer.transposed else 1), strict=True
        ):
            if value != layer.output and part.any():
                yield value, layer.output, float(part.max())


def _require_exact(before: Mapping[str, Array], back: Mapping[str, Array]) -> None:
    """Powers of two round nothing, unless a weight leaves float32's normal range."""
    for key, array in before.items():
        if not np.array_equal(array, back[key]):
            raise ParityError(f"scaling {key} is not exact; are these weights damaged? Use float32")
