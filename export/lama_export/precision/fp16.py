"""Weights ready for half precision: ranges measured, scales chosen, folded, and the headroom that is left recorded."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lama_deploy.arrays import Array
from lama_deploy.precision.calibration import LONG_SIDE
from lama_deploy.precision.choose_scales import LARGEST_SIDE, TARGET, choose_scales, growth
from lama_deploy.precision.scales import scale_state
from lama_deploy.variants import GeneratorConfig
from lama_export.precision.bounds import worst_case
from lama_export.precision.ranges import measure_ranges

FP16_MAX = 65504.0


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
    scales = choose_scales(config, state_dict, largest)
    folded = scale_state(config, state_dict, scales)
    bounds = worst_case(config, folded, LONG_SIDE, LONG_SIDE)
    ranges = {
        value: _range(value, scales.get(value, 1.0), most, bounds[value]) for value, most in sorted(largest.items())
    }
    return Folded(folded, ranges)


def _range(value: str, scale: float, largest: float, bound: float) -> Range:
    scaled = scale * largest
    return Range(scale, scaled, FP16_MAX / (scaled * growth(value)) if scaled else math.inf, bound)
