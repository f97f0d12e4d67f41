"""Batch normalisation folded into the convolution before it, in float64."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lama_deploy.arrays import Array

BN_EPS = 1e-5  # official; PyTorch's default


class FoldedWeights:
    """Reads convolutions out of an official state_dict, with the BN that follows folded in. All arrays float64."""

    def __init__(self, state_dict: Mapping[str, Array]) -> None:
        self._state = state_dict

    def weight(self, conv: str, bn: str | None = None, axis: int = 0) -> Array:
        """Weight of `conv`, its output channels (on `axis`) scaled by `bn`."""
        weight = self._read(f"{conv}.weight")
        return weight if bn is None else weight * self._scale(bn).reshape([-1 if i == axis else 1 for i in range(4)])

    def bias(self, *convs: str, bn: str | None = None) -> Array:
        """Bias of the sum of `convs` after `bn`; a convolution without one counts as zero."""
        total = sum(self._read(f"{conv}.bias") for conv in convs if f"{conv}.bias" in self._state)
        if bn is None:
            return np.asarray(total, np.float64)
        return self._read(f"{bn}.bias") + (total - self._read(f"{bn}.running_mean")) * self._scale(bn)

    def _scale(self, bn: str) -> Array:
        return self._read(f"{bn}.weight") / np.sqrt(self._read(f"{bn}.running_var") + BN_EPS)

    def _read(self, key: str) -> Array:
        return np.asarray(self._state[key], np.float64)
