"""How far one Fourier unit may be from float64, and units to hold to it."""

import torch
from torch import Tensor

# Of |y| at the place, of SPREAD times the map's root mean square, and of the largest values of its row and its column,
# by the root of their lengths. The ReLU's positive spectrum makes an impulse at the origin, hundreds of times the rest
# of a large map, which a share of the largest value would leave unchecked. But what is rounded of an impulse is spread
# over its row, by the last transform (every value of the row's spectrum is rounded on its own), and over its column, by
# the tables along the height, whose errors are the same for every column of the spectrum. By
# tests/kernels/half_storage.py the largest errors are an H200's to twelve digits, at 1024x24, 85x67 and for an impulse.
TOLERANCE = {torch.float64: 1e-13, torch.float32: 2e-6, torch.float16: 1e-3, torch.bfloat16: 8e-3}
SPREAD = 8.0
MEMORY_FORMATS = (torch.contiguous_format, torch.channels_last)


def unit_parameters(channels: int, dtype: torch.dtype, device: str = "cpu", seed: int = 0) -> tuple[Tensor, Tensor]:
    """weight (2C, 2C) that keeps the spectrum's magnitude, and bias (2C,)."""
    random = torch.Generator().manual_seed(seed)
    weight = torch.randn(2 * channels, 2 * channels, generator=random) / (2 * channels) ** 0.5
    bias = torch.randn(2 * channels, generator=random) / 4
    return weight.to(device, dtype), bias.to(device, dtype)


def assert_within_tolerance(y: Tensor, exact: Tensor) -> None:
    """y is finite and as near to the float64 `exact` as its dtype allows."""
    assert y.shape == exact.shape and torch.isfinite(y).all()
    largest = [exact.abs().amax(axis, keepdim=True) / exact.shape[axis] ** 0.5 for axis in (-1, -2)]
    scale = exact.abs() + SPREAD * exact.square().mean().sqrt() + sum(largest)
    error = (y.double() - exact).abs()
    worst = (error / scale).nan_to_num(0).max().item()  # 0 of 0 is right
    assert worst <= TOLERANCE[y.dtype], f"{worst}, allowed {TOLERANCE[y.dtype]}"
