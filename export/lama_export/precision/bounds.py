"""A worst case that no picture can exceed: norms carried through the layers, with nothing measured.

|x| of any one activation is at most the Euclidean norm of the whole map, and norms multiply: a convolution's gain is at
most the sum over its taps of the taps' spectral norms, ReLU's is one, that of an orthonormal Fourier transform too. The
bound is far above what happens, and grows with every block; it says what arithmetic alone can promise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.folded import FoldedWeights
from lama_deploy.checkpoints.topology import INPUT, Layer, Stage, topology
from lama_deploy.variants import GeneratorConfig

HALF_SPECTRUM = math.sqrt(2)  # the inverse counts most columns of the half spectrum twice
REFLECTION = 2.0  # a reflect-padded map repeats a pixel at most four times, so its norm at most doubles


def worst_case(config: GeneratorConfig, state_dict: Mapping[str, Array], height: int, width: int) -> dict[str, float]:
    """value of `topology` -> a bound on its magnitude for every picture of that size; may be infinite."""
    weights = FoldedWeights(state_dict)
    bounds = {INPUT: math.sqrt(3.0 * height * width)}
    for parts in (parts for stage in topology(config).stages for parts in _sums(stage)):
        output = parts[0].output
        with np.errstate(over="ignore"):
            total = sum(_gain(weights, layer, bounds) for layer in parts) + _bias(weights, parts, height * width)
            bounds[output] = float(bounds.get(output, 0.0) + total)  # a residual adds to what is there
    del bounds[INPUT]
    return bounds


def _sums(stage: Stage) -> Iterable[list[Layer]]:
    """The layers that a BN normalises together, in the order in which these sums can be computed."""
    sums: dict[str | None, list[Layer]] = {}
    for layer in stage.layers:
        sums[layer.norm] = [*sums.pop(layer.norm, []), layer]  # behind all that its last layer reads
    return sums.values()


def _gain(weights: FoldedWeights, layer: Layer, bounds: Mapping[str, float]) -> float:
    """A bound on the norm of what one convolution adds."""
    weight = weights.weight(layer)
    if layer.transposed:
        weight = weight.transpose(1, 0, 2, 3)
    total, first = 0.0, 0
    for value, channels in layer.inputs:
        taps = weight[:, first : first + channels].transpose(2, 3, 0, 1)
        total += float(_spectral_norms(taps).sum()) * bounds[value]
        first += channels
    if layer.conv.endswith(".fu.conv_layer"):
        return total * HALF_SPECTRUM
    return total * (REFLECTION if weight.shape[-1] > 1 else 1.0)


def _spectral_norms(matrices: Array) -> Array:
    """Of matrices (..., m, n), by products with themselves: half the time of their singular values."""
    turned = matrices.swapaxes(-1, -2)
    products = matrices @ turned if matrices.shape[-2] <= matrices.shape[-1] else turned @ matrices
    return np.sqrt(np.maximum(np.linalg.eigvalsh(products)[..., -1], 0.0))


def _bias(weights: FoldedWeights, parts: list[Layer], area: int) -> float:
    """The norm of the bias over the largest map that a generator has: its input's."""
    bias = weights.bias(*parts)
    return float(np.linalg.norm(bias)) * math.sqrt(area)
