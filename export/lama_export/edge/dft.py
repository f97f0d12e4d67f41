"""The DFTs of a Fourier unit as four constant matrices, for maps whose channels come last or first.

A DFT is linear along its axis, so the two axes may take turns in any order, and the order is chosen for layout: along H
first on the way there and last on the way back. Then every matrix multiplies from the left, and every change of layout
between two of them is a reshape of memory that lies right already (C stands for all that comes behind):

    forward_h (2h, h)  @ (h, w C)     -> rows (l, part), which is (h, 2w, C), rows (part, x)
    forward_w (2p, 2w) @ (h, 2w, C)   -> rows (k, part), which is (h, p, 2C), channels (part, c)
    1x1 convolution, ReLU             -> (h, p, 2C), which is (h, 2p, C)
    inverse_w (2w, 2p) @ (h, 2p, C)   -> rows (part, x), which is (2h, w C), rows (l, part)
    inverse_h (h, 2h)  @ (2h, w C)    -> (h, w C)

l, k: frequencies along H and W, p = w // 2 + 1 of them; part: real, imaginary. The inverse is that of
`lama_deploy.spectral`: taking the real part at the end drops what the complex-to-real transform drops.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lama_deploy.arrays import Array


@dataclass(frozen=True)
class DftMatrices:
    """float64, orthonormal; shapes as above."""

    forward_h: Array
    forward_w: Array
    inverse_w: Array
    inverse_h: Array

    @classmethod
    def of(cls, h: int, w: int) -> DftMatrices:
        """For a latent of h x w cells."""
        half = w // 2 + 1
        cos_h, sin_h = _waves(h, h)
        cos_w, sin_w = _waves(half, w)
        count = np.where(np.arange(half) * 2 % w == 0, 1.0, 2.0)[:, None]  # of columns that one stands for
        forward_w = _paired([np.hstack([cos_w, sin_w]), np.hstack([-sin_w, cos_w])])
        inverse_w = _paired([np.hstack([cos_w, sin_w]) * count, np.hstack([-sin_w, cos_w]) * count]).T
        return cls(_paired([cos_h, -sin_h]), forward_w, inverse_w, _paired([cos_h, -sin_h]).T)


def parts_apart(channels: int) -> Array:
    """For 2 `channels` in the order Re0, Im0, Re1, Im1, ..: their numbers with all real parts first."""
    return np.arange(2 * channels).reshape(channels, 2).T.ravel()


def _waves(frequencies: int, n: int) -> tuple[Array, Array]:
    """cos and sin of 2 pi k x / n over sqrt(n), (frequencies, n)."""
    phase = np.outer(np.arange(frequencies), np.arange(n)) % n * (2 * np.pi / n)
    return np.cos(phase) / np.sqrt(n), np.sin(phase) / np.sqrt(n)


def _paired(parts: list[Array]) -> Array:
    """Rows of the first and the second in turn."""
    return np.stack(parts, axis=1).reshape(-1, parts[0].shape[1])


@dataclass(frozen=True)
class DftByRows:
    """The matrices of `graph.spectral`, for maps whose channels come first and one latent; float64, orthonormal.

    forward_re, forward_im (w, p), forward_h (2h, 2h), inverse_h (2h, 2h), inverse_w (2p, w); p = w // 2 + 1.
    """

    forward_re: Array
    forward_im: Array
    forward_h: Array
    inverse_h: Array
    inverse_w: Array

    @classmethod
    def of(cls, h: int, w: int) -> DftByRows:
        half = w // 2 + 1
        cos_h, sin_h = _waves(h, h)
        cos_w, sin_w = _waves(half, w)
        count = np.where(np.arange(half) * 2 % w == 0, 1.0, 2.0)[:, None]
        forward_h = np.block([[cos_h, sin_h], [-sin_h, cos_h]])
        inverse_h = _paired([np.hstack([cos_h, -sin_h]), np.hstack([sin_h, cos_h])])
        return cls(cos_w.T, -sin_w.T, forward_h, inverse_h, np.vstack([cos_w * count, -sin_w * count]))
