"""The ways to compute a Fourier unit that `run.py` compares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.gpu.names import COMPILED, KERNELS, MODEL, OPERATOR, TENSOR_CORE
from lama_deploy.model.ffc import FourierUnit
from lama_deploy.native.library import SpectralLibrary
from lama_deploy.native.op import by_torch_fft, spectral_conv
from lama_deploy.native.plans import PlanCache, run_on_library
from tests.lama_deploy.native.unit_tolerance import TOLERANCE, unit_parameters

Compute = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Parameters:
    """weight (2C, 2C), bias (2C,), of one dtype on one device."""

    weight: Tensor
    bias: Tensor

    def exact(self, x: Tensor) -> Tensor:
        """Float64 (N, C, h, w)."""
        return by_torch_fft(x.double(), self.weight.double(), self.bias.double(), None)


def parameters_of(channels: int, dtype: torch.dtype, device: torch.device) -> Parameters:
    return Parameters(*unit_parameters(channels, dtype, str(device)))


def checked_error(found: Tensor, exact: Tensor, dtype: torch.dtype) -> float:
    """The difference's norm as a share of the float64 result's. ArithmeticError beyond the tolerance of the dtype.

    Largest values alone would say little: the ReLU makes an impulse at the origin, far above all else in a large map.
    """
    difference, allowed = found.double() - exact, TOLERANCE[dtype]
    error, largest = ((difference.norm(p) / exact.norm(p)).item() for p in (2, torch.inf))
    if found.dtype != dtype or not (error <= allowed and largest <= allowed):  # NaN is not
        raise ArithmeticError(f"wrong: error {error:.2g}, of the largest value {largest:.2g}; allowed {allowed:g}")
    return error


def can_compute(candidate: str, dtype: torch.dtype, device: torch.device, library: SpectralLibrary | None) -> bool:
    if candidate == COMPILED:
        return device.type == "cuda"
    if candidate == TENSOR_CORE and dtype == torch.float32:
        return False
    return candidate not in KERNELS or device.type == "cuda" or library is not None


def compute_of(candidate: str, parameters: Parameters, library: SpectralLibrary | None) -> Compute:
    """x (N, C, h, w) -> (N, C, h, w) of the same dtype, no residual. library: takes the operator's place, for a CPU."""
    weight, bias = parameters.weight, parameters.bias
    if candidate in (MODEL, COMPILED):
        unit = _model_unit(parameters)
        return torch.compile(unit, dynamic=False) if candidate == COMPILED else unit
    if candidate == OPERATOR:
        return lambda x: spectral_conv(x, weight, bias, backend="torch")
    backend = KERNELS[candidate]
    if library is None:
        return lambda x: spectral_conv(x, weight, bias, backend=backend)
    plans = PlanCache()
    return lambda x: run_on_library(library, plans, x, weight, bias, None, backend)


def _model_unit(parameters: Parameters) -> FourierUnit:
    """With the same weights: its batch normalisation adds the bias and does nothing else."""
    weight, bias = parameters.weight, parameters.bias
    unit = FourierUnit(len(bias) // 2).to(weight.device, weight.dtype).eval()
    unit.conv_layer.weight.copy_(weight[:, :, None, None])
    unit.bn.weight.fill_((1 + unit.bn.eps) ** 0.5)
    unit.bn.bias.copy_(bias)
    return unit


def emulated(path: Path | None) -> SpectralLibrary | None:
    return None if path is None else SpectralLibrary(path)
