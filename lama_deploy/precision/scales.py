"""Range folding: activations scaled by powers of two, by changing weights only.

Convolution, ReLU, addition and the Fourier unit are positively homogeneous: with every activation of a value scaled by
s, its producers' BN scaled by s and its consumers' weights divided by s, the generator computes what it did, bit for
bit, since powers of two round nothing. So a generator whose activations leave the range of half precision becomes one
whose activations do not, in any engine. Official keys in, official keys out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.topology import HEAD, layers
from lama_deploy.variants import GeneratorConfig

Scales = Mapping[str, float]  # value -> power of two; 1 where a value is not named


def scale_state(config: GeneratorConfig, state_dict: Mapping[str, Array], scales: Scales) -> dict[str, Array]:
    """The weights of a generator whose values are `scales` times as large and whose output is the same.

    Raises ValueError for a scale that is no power of two, or a value that the generator does not have.
    """
    plan = layers(config)
    _check(scales, {layer.output for layer in plan} - {HEAD})
    state = {key: _copy(array) for key, array in state_dict.items()}
    norms = {layer.norm: scales.get(layer.output, 1.0) for layer in plan if layer.norm}
    for norm, scale in norms.items():
        state[f"{norm}.weight"] *= scale
        state[f"{norm}.bias"] *= scale
    for layer in plan:
        divisors = np.concatenate([np.full(channels, scales.get(value, 1.0)) for value, channels in layer.inputs])
        weight = state[f"{layer.conv}.weight"]
        weight /= divisors.astype(weight.dtype).reshape((-1, 1, 1, 1) if layer.transposed else (1, -1, 1, 1))
    return state


def _copy(array: Array) -> Array:
    """Half precision becomes single: scaled, it might not fit."""
    return np.array(array, np.promote_types(array.dtype, np.float32) if array.dtype.kind == "f" else array.dtype)


def power_of_two(value: float) -> float:
    """The largest power of two that is at most `value`, above 0."""
    return 2.0 ** math.floor(math.log2(value))


def _check(scales: Scales, known: set[str]) -> None:
    unknown = sorted(set(scales) - known)
    if unknown:
        raise ValueError(f"this generator has no values {', '.join(unknown)}")
    odd = [name for name, scale in scales.items() if scale <= 0 or math.frexp(scale)[0] != 0.5]
    if odd:
        raise ValueError(f"the scale of {odd[0]} is {scales[odd[0]]}, no power of two")
