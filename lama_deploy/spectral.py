"""The one definition of the Fourier unit's mathematics, in NumPy and in torch.

The spectrum that enters the inverse transform is not Hermitian (a 1x1 convolution and a ReLU came before), and
libraries disagree on what the inverse of such a spectrum is (pytorch#104867). Here it means what NumPy computes:

    complex inverse along H, then complex-to-real inverse along W,

so that the imaginary part of columns k = 0 and, for even w, k = w/2 is dropped after the first step. The fast way
to the same value on any library: make those two columns Hermitian along H, then transform both axes at once.

Shapes: x (N, C, h, w); spectrum (N, 2C, h, w//2 + 1) real, channels interleaved (Re0, Im0, Re1, Im1, ...).
Transforms are orthonormal. Source: official `saicinpainting/training/modules/ffc.py: FourierUnit`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lama_deploy.arrays import Array

if TYPE_CHECKING:
    from torch import Tensor


def spectral_conv_reference(x: Array, weight: Array, bias: Array) -> Array:
    """Fourier unit in float64: irfft2(relu(weight @ rfft2(x) + bias)). The oracle of every fast path.

    x: (N, C, h, w); weight: (2C, 2C) and bias: (2C,) over interleaved channels, BN folded in.
    Returns (N, C, h, w) float64.
    """
    x, weight, bias = (np.asarray(a, np.float64) for a in (x, weight, bias))
    spectrum = interleave_reference(np.fft.rfft2(x, norm="ortho"))
    mixed = np.einsum("oc,nchk->nohk", weight, spectrum) + bias[:, None, None]
    return irfft2_reference(np.maximum(mixed, 0.0), x.shape[-1])


def interleave_reference(z: Array) -> Array:
    """Complex (N, C, h, k) -> real (N, 2C, h, k) with channels Re0, Im0, Re1, Im1, ..."""
    n, c, h, k = z.shape
    return np.stack((z.real, z.imag), axis=2).reshape(n, 2 * c, h, k)


def irfft2_reference(spectrum: Array, width: int) -> Array:
    """Inverse of an interleaved half spectrum (N, 2C, h, width//2 + 1) -> (N, C, h, width), NumPy semantics."""
    z = spectrum[:, 0::2] + 1j * spectrum[:, 1::2]
    along_h = np.fft.ifft(z, axis=-2, norm="ortho")
    return np.fft.irfft(along_h, n=width, axis=-1, norm="ortho")


def rfft2(x: Tensor) -> Tensor:
    """(N, C, h, w) -> interleaved half spectrum (N, 2C, h, w//2 + 1), ortho. Half types compute in float32."""
    import torch

    z = torch.fft.rfft2(_at_least_float32(x), norm="ortho")
    n, c, h, k = z.shape
    return torch.stack((z.real, z.imag), dim=2).reshape(n, 2 * c, h, k)


def irfft2(spectrum: Tensor, width: int) -> Tensor:
    """As `irfft2_reference`, in torch, equal on CPU and CUDA for any spectrum. Half types compute in float32."""
    import torch

    n, c2, h, k = spectrum.shape
    pairs = _at_least_float32(spectrum).reshape(n, c2 // 2, 2, h, k)
    z = make_edge_columns_hermitian(torch.complex(pairs[:, :, 0], pairs[:, :, 1]), width)
    return torch.fft.irfft2(z, s=(h, width), norm="ortho")


def make_edge_columns_hermitian(z: Tensor, width: int) -> Tensor:
    """Replace columns 0 and, for even `width`, width/2 of (..., h, k) by the mean of z(l) and conj z(-l) along H.

    The complex-to-real transform uses just this part of them; cuFFT's two-dimensional one is undefined otherwise.
    """
    # A slice, since indices in a list would be copied from the host, which no CUDA graph can capture.
    step = width if width % 2 else width // 2
    edge = z[..., ::step]
    # conj() only marks the tensor, and inside an operator of a compiled graph PyTorch overlooks the mark.
    mirrored = edge.flip(-2).roll(1, -2).conj_physical()
    symmetric = z.clone()
    symmetric[..., ::step] = (edge + mirrored) / 2
    return symmetric


def _at_least_float32(x: Tensor) -> Tensor:
    import torch

    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
