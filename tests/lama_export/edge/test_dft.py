"""Both orders of the DFTs against NumPy's FFT in float64: odd, prime, even and single rows and columns."""

import numpy as np
import pytest

from lama_deploy.arrays import Array
from lama_deploy.spectral import spectral_conv_reference
from lama_export.edge.dft import DftByRows, DftMatrices, parts_apart

CHANNELS = 3


@pytest.fixture(params=[(4, 6), (5, 7), (8, 5), (1, 1), (3, 2), (13, 16)], ids=str)
def unit(request: pytest.FixtureRequest) -> tuple[Array, Array, Array]:
    """x (1, C, h, w), weight (2C, 2C), bias (2C,)."""
    random = np.random.default_rng(0)
    sides = (1, CHANNELS, *request.param), (2 * CHANNELS,) * 2, (2 * CHANNELS,)
    x, weight, bias = (random.normal(size=shape) for shape in sides)
    return x, weight, bias


def test_channels_last(unit: tuple[Array, Array, Array]) -> None:
    x, weight, bias = unit
    _, c, h, w = x.shape
    m, half, order = DftMatrices.of(h, w), w // 2 + 1, parts_apart(c)
    y = m.forward_h @ x[0].transpose(1, 2, 0).reshape(h, w * c)
    y = (m.forward_w @ y.reshape(h, 2 * w, c)).reshape(h, half, 2 * c)
    y = np.maximum(y @ weight[order][:, order].T + bias[order], 0)
    y = (m.inverse_w @ y.reshape(h, 2 * half, c)).reshape(2 * h, w * c)
    y = (m.inverse_h @ y).reshape(h, w, c).transpose(2, 0, 1)
    np.testing.assert_allclose(y, spectral_conv_reference(x, weight, bias)[0], atol=1e-13)


def test_channels_first(unit: tuple[Array, Array, Array]) -> None:
    x, weight, bias = unit
    _, c, h, w = x.shape
    m, half = DftByRows.of(h, w), w // 2 + 1
    y = m.forward_h @ np.concatenate([x[0] @ m.forward_re, x[0] @ m.forward_im], axis=1)
    y = np.einsum("oc,chk->ohk", weight, y.reshape(2 * c, h, half)) + bias[:, None, None]
    y = (m.inverse_h @ np.maximum(y, 0).reshape(c, 2 * h, half)).reshape(c, h, 2 * half) @ m.inverse_w
    np.testing.assert_allclose(y, spectral_conv_reference(x, weight, bias)[0], atol=1e-13)
