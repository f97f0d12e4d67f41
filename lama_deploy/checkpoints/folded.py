"""Batch normalisation folded into the convolution before it, in float64."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.topology import Layer

BN_EPS = 1e-5  # official; PyTorch's default


class FoldedWeights:
    """Reads convolutions out of an official state_dict, with the BN that follows folded in. All arrays float64."""

    def __init__(self, state_dict: Mapping[str, Array]) -> None:
        self._state = state_dict

    def weight(self, layer: Layer) -> Array:
        """(O, I, k, k), or (I, O, k, k) of a transposed convolution; its output channels scaled by the BN."""
        weight = self._read(f"{layer.conv}.weight")
        if layer.norm is None:
            return weight
        return weight * self._scale(layer.norm).reshape((1, -1, 1, 1) if layer.transposed else (-1, 1, 1, 1))

    def bias(self, *layers: Layer) -> Array:
        """(O,): of the sum of layers that share a BN, after it."""
        total = sum(self._read(f"{layer.conv}.bias") for layer in layers if layer.bias)
        bn = layers[0].norm
        if bn is None:
            return np.asarray(total, np.float64)
        return self._read(f"{bn}.bias") + (total - self._read(f"{bn}.running_mean")) * self._scale(bn)

    def _scale(self, bn: str) -> Array:
        return self._read(f"{bn}.weight") / np.sqrt(self._read(f"{bn}.running_var") + BN_EPS)

    def _read(self, key: str) -> Array:
        return np.asarray(self._state[key], np.float64)


def pixels_of_weight(weight: Array) -> Array:
    """(O, I, k, k) at stride 1 -> (4 O, I, k+1, k+1) at stride 2, outputs for 2x2 pixels, ordered (O, row, column)."""
    outputs, inputs, k, _ = weight.shape
    blocks = np.zeros((outputs, 2, 2, inputs, k + 1, k + 1))
    for row in range(2):
        for column in range(2):
            blocks[:, row, column, :, row : row + k, column : column + k] = weight
    return blocks.reshape(4 * outputs, inputs, k + 1, k + 1)


def pixels_of_bias(bias: Array) -> Array:
    """(O,) -> (4 O,), for the outputs of `pixels_of_weight`."""
    return np.repeat(bias, 4)
