"""The Fourier unit has one meaning: float64 NumPy, torch on any device, and a definition by plain sums."""

import numpy as np
import pytest
import torch

from lama_deploy import spectral
from lama_deploy.model.ffc import FourierUnit

SIZES = [(1, 1), (2, 2), (2, 3), (7, 10), (13, 9), (31, 16), (16, 31), (37, 53), (85, 67), (64, 64)]


def non_hermitian(h: int, w: int, channels: int = 3) -> np.ndarray:
    """What leaves the ReLU: non-negative, with no symmetry at all."""
    random = np.random.default_rng((h, w))
    return np.maximum(random.standard_normal((2, 2 * channels, h, w // 2 + 1)), 0)


@pytest.mark.parametrize(("h", "w"), SIZES)
def test_inverse_is_a_weighted_sum_of_waves(h: int, w: int) -> None:
    """Written out: sum over l and half-spectrum k of count_k Re(z e^(2 pi i (ly/h + kx/w))) / sqrt(hw)."""
    spectrum = non_hermitian(h, w)
    z = spectrum[:, 0::2] + 1j * spectrum[:, 1::2]
    k = np.arange(w // 2 + 1)
    count = np.where((2 * k) % w == 0, 1.0, 2.0)
    along_h = np.exp(2j * np.pi * np.outer(np.arange(h), np.arange(h)) / h)
    along_w = count[:, None] * np.exp(2j * np.pi * np.outer(k, np.arange(w)) / w)
    waves = (along_h @ z @ along_w).real / np.sqrt(h * w)
    np.testing.assert_allclose(spectral.irfft2_reference(spectrum, w), waves, atol=1e-11)


@pytest.mark.parametrize(("h", "w"), SIZES)
def test_torch_inverse_equals_numpy(h: int, w: int) -> None:
    spectrum = non_hermitian(h, w)
    ours = spectral.irfft2(torch.from_numpy(spectrum), w).numpy()
    np.testing.assert_allclose(ours, spectral.irfft2_reference(spectrum, w), atol=1e-12)


@pytest.mark.gpu
@pytest.mark.parametrize(("h", "w"), SIZES)
def test_cuda_inverse_equals_numpy(h: int, w: int) -> None:
    spectrum = non_hermitian(h, w)
    ours = spectral.irfft2(torch.from_numpy(spectrum).cuda(), w).cpu().numpy()
    np.testing.assert_allclose(ours, spectral.irfft2_reference(spectrum, w), atol=1e-11)


@pytest.mark.parametrize("w", [16, 17])
def test_a_single_two_dimensional_inverse_is_another_function(w: int) -> None:
    """A 2-D complex-to-real transform may read only half of the edge columns (pytorch#104867).

    That is what happens on CUDA; here it is imitated. Where the columns are Hermitian, it makes no difference.
    """
    spectrum = non_hermitian(12, w)
    pairs = torch.from_numpy(spectrum).reshape(2, -1, 2, 12, w // 2 + 1)
    z = torch.complex(pairs[:, :, 0], pairs[:, :, 1])
    defined = spectral.irfft2_reference(spectrum, w)
    assert np.abs(_reading_half_columns(z, w) - defined).mean() > 0.01
    symmetric = spectral.make_edge_columns_hermitian(z, w)
    np.testing.assert_allclose(_reading_half_columns(symmetric, w), defined, atol=1e-12)


def _reading_half_columns(z: torch.Tensor, w: int) -> np.ndarray:
    """Rows l > h/2 of the edge columns are not read but mirrored from rows l < h/2."""
    z = z.clone()
    h = z.shape[-2]
    for column in {0, w // 2} if w % 2 == 0 else {0}:
        for row in range(h // 2 + 1, h):
            z[..., row, column] = z[..., h - row, column].conj()
    return torch.fft.irfft2(z, s=(h, w), norm="ortho").numpy()


@pytest.mark.parametrize(("h", "w"), [(7, 10), (13, 9), (16, 16)])
def test_fourier_unit_module_is_the_reference(h: int, w: int) -> None:
    torch.manual_seed(0)
    unit = FourierUnit(4).eval().double()
    unit.bn.running_mean.normal_()
    unit.bn.running_var.uniform_(0.5, 2)
    x = torch.randn(2, 4, h, w, dtype=torch.float64)
    scale = (unit.bn.weight / (unit.bn.running_var + unit.bn.eps).sqrt()).detach()
    weight = unit.conv_layer.weight.detach()[:, :, 0, 0] * scale[:, None]
    bias = (unit.bn.bias - unit.bn.running_mean * scale).detach()
    expected = spectral.spectral_conv_reference(x.numpy(), weight.numpy(), bias.numpy())
    assert expected.std() > 0.1
    np.testing.assert_allclose(unit(x).detach().numpy(), expected, atol=1e-12)


def test_half_types_transform_in_float32() -> None:
    x = torch.randn(1, 2, 6, 6).half()
    assert spectral.rfft2(x).dtype == torch.float32
    assert spectral.irfft2(spectral.rfft2(x).half(), 6).dtype == torch.float32
