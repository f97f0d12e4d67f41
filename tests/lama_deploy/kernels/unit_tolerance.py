"""How far one Fourier unit may be from float64, of the output's largest magnitude, and units to hold to it."""

import torch
from torch import Tensor

TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-5, torch.float16: 4e-3, torch.bfloat16: 3e-2}
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
    error, largest = (y.double() - exact).abs().max().item(), exact.abs().max().item()
    assert error <= TOLERANCE[y.dtype] * largest, f"{error} of {largest}"
