"""Weights ready for half precision: ranges measured, scales chosen, folded, and the headroom that is left recorded."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lama_deploy.errors import ParityError
from lama_deploy.runtime.backend import Array
from lama_deploy.variants import GeneratorConfig
from lama_export.bounds import worst_case
from lama_export.calibration import LONG_SIDE
from lama_export.fold import FoldedWeights
from lama_export.ranges import measure_ranges
from lama_export.scales import HEAD, Scales, layers, power_of_two, scale_state

FP16_MAX = 65504.0
TARGET = 4096.0  # largest magnitude after scaling: 16 times below the limit; the rest of the range is for small values
# Of the largest folded weight between two values: none overflows, and the small ones beside it keep their digits, which
# fp16 loses below 6e-5.
WEIGHT_LIMIT = 4096.0
WEIGHT_LEAST = 2.0**-5
STREAMS = ("local", "global", "trunk")  # what blocks add to: one scale serves all of them
LARGEST_SIDE = 2048  # pixels; the side for which the headroom of spectra is stated


@dataclass(frozen=True)
class Range:
    """One value of the generator. scale: the power of two folded in; largest: measured, after scaling.

    headroom: how many times larger it may get in fp16. For spectra at LARGEST_SIDE, where the DC term of the same
    picture is larger than at the size that was measured by the ratio of the sides. bound: no picture of LONG_SIDE can
    exceed it, whatever its content; infinite beyond float64.
    """

    scale: float
    largest: float
    headroom: float
    bound: float


@dataclass(frozen=True)
class Folded:
    """A state_dict under official keys that computes what the given one computes, and the ranges of its values."""

    state_dict: dict[str, Array]
    ranges: dict[str, Range]

    def to_dict(self) -> dict[str, Any]:
        values = {
            name: {key: value if math.isfinite(value) else None for key, value in asdict(found).items()}
            for name, found in self.ranges.items()
        }
        return {
            "limit": FP16_MAX,
            "target": TARGET,
            "spectra_at": LARGEST_SIDE,
            "bound_at": LONG_SIDE,
            "values": values,
        }


def fold_ranges(
    config: GeneratorConfig, state_dict: Mapping[str, Array], pairs: Iterable[tuple[Array, Array]]
) -> Folded:
    """Measure on `pairs` and fold. Raises ParityError where the folded weights would not be exactly the given ones."""
    largest = {value: max(found.values()) for value, found in measure_ranges(config, state_dict, pairs).items()}
    wanted = {
        value: power_of_two(TARGET / (most * _growth(value)))
        for value, most in largest.items()
        if value != HEAD and most > 0
    }
    scales = fit_weights(config, state_dict, wanted)
    folded = scale_state(config, state_dict, scales)
    _require_exact(state_dict, scale_state(config, folded, {value: 1 / scale for value, scale in scales.items()}))
    bounds = worst_case(config, folded, LONG_SIDE, LONG_SIDE)
    ranges = {
        value: _range(value, scales.get(value, 1.0), most, bounds[value]) for value, most in sorted(largest.items())
    }
    return Folded(folded, ranges)


def fit_weights(config: GeneratorConfig, state_dict: Mapping[str, Array], scales: Mapping[str, float]) -> Scales:
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
    raise ParityError("no scales bring these weights into half precision; export in float32")


def _weight_sizes(config: GeneratorConfig, state_dict: Mapping[str, Array]) -> Iterator[tuple[str, str, float]]:
    """(value read, value written, largest magnitude of the folded weights between them), for different values."""
    weights = FoldedWeights(state_dict)
    for layer in layers(config):
        axis = 1 if layer.transposed else 0
        weight = np.abs(weights.weight(layer.conv, layer.norm, axis=axis))
        ends = np.cumsum([channels for _, channels in layer.inputs])[:-1]
        for (value, _), part in zip(layer.inputs, np.split(weight, ends, axis=1 - axis), strict=True):
            if value != layer.output and part.any():
                yield value, layer.output, float(part.max())


def _range(value: str, scale: float, largest: float, bound: float) -> Range:
    scaled = scale * largest
    return Range(scale, scaled, FP16_MAX / (scaled * _growth(value)) if scaled else math.inf, bound)


def _growth(value: str) -> float:
    """How much larger a value may be at LARGEST_SIDE than where it was measured: the DC term grows with the side."""
    return LARGEST_SIDE / LONG_SIDE if value.endswith("/spectral") else 1.0


def _require_exact(before: Mapping[str, Array], back: Mapping[str, Array]) -> None:
    """Powers of two round nothing, unless a weight leaves float32's normal range."""
    for key, array in before.items():
        if not np.array_equal(array, back[key]):
            raise ParityError(f"scaling {key} is not exact; are these weights damaged? Export in float32")
