"""The PyTorch operator lama::spectral_conv: by torch.fft on any device, by liblama_spectral on CUDA.

`spectral_conv` is its public face. For inference: it has no derivative and says so.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lama_deploy.errors import KernelError
from lama_deploy.native.library import SpectralLibrary
from lama_deploy.native.loaded import library_of, warn_once
from lama_deploy.native.plans import DTYPES, PlanCache, UnpreparedError, memory_format_of, run_on_library
from lama_deploy.spectral import irfft2, rfft2

BACKENDS = ("auto", "torch", "cufft", "tensor_core")
_PLANS = PlanCache()


def by_torch_fft(x: Tensor, weight: Tensor, bias: Tensor, residual: Tensor | None) -> Tensor:
    """The Fourier unit by torch.fft, on any device; half types compute in float32 and are rounded once."""
    spectrum = rfft2(x)
    n, mixed = spectrum.shape[:2]
    kernel, offset = (value.to(spectrum.dtype) for value in (weight.reshape(mixed, mixed), bias))
    # No convolution: on CUDA that is TF32 unless told otherwise.
    product = torch.baddbmm(offset[:, None], kernel.expand(n, mixed, mixed), spectrum.flatten(2))
    y = irfft2(product.relu_().view_as(spectrum), x.shape[-1])
    result = _empty_output(x)
    return result.copy_(y) if residual is None else torch.add(y, residual, out=result)


def _on_any_device(x: Tensor, weight: Tensor, bias: Tensor, residual: Tensor | None, backend: str) -> Tensor:
    _check(x, weight, bias, residual, backend)
    return by_torch_fft(x, weight, bias, residual)


def _on_cuda(x: Tensor, weight: Tensor, bias: Tensor, residual: Tensor | None, backend: str) -> Tensor:
    _check(x, weight, bias, residual, backend)
    if backend == "torch" or (backend == "auto" and x.dtype not in DTYPES):
        return by_torch_fft(x, weight, bias, residual)
    with torch.cuda.device(x.device):
        library = library_of(x.device, required=backend != "auto")
        if library is None:
            return by_torch_fft(x, weight, bias, residual)
        return by_library(library, _PLANS, x, weight, bias, residual, backend)


def by_library(
    library: SpectralLibrary,
    plans: PlanCache,
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    residual: Tensor | None,
    backend: str,
) -> Tensor:
    """Under "auto" by torch.fft what the library cannot prepare here, with a warning that says why."""
    try:
        return run_on_library(library, plans, x, weight, bias, residual, backend)
    except UnpreparedError as error:
        if backend != "auto":
            raise
        warn_once(str(error))
        return by_torch_fft(x, weight, bias, residual)


def _meta(x: Tensor, weight: Tensor, bias: Tensor, residual: Tensor | None, backend: str) -> Tensor:
    _check(x, weight, bias, residual, backend)
    return _empty_output(x)


def _empty_output(x: Tensor) -> Tensor:
    return torch.empty_like(x.contiguous(memory_format=memory_format_of(x)))


def _check(x: Tensor, weight: Tensor, bias: Tensor, residual: Tensor | None, backend: str) -> None:
    """KernelError unless the tensors fit each other and the backend."""
    _check_backend(x, backend)
    _check_shapes(x, weight, bias, residual)
    for name, other in (("weight", weight), ("bias", bias), ("residual", residual)):
        if other is not None and (other.dtype, other.device) != (x.dtype, x.device):
            kinds = f"{other.dtype} on {other.device}, x is {x.dtype} on {x.device}"
            raise KernelError(f"{name} is {kinds}; convert one of them with .to(other)")
    given = (x, weight, bias) if residual is None else (x, weight, bias, residual)
    if torch.is_grad_enabled() and any(t.requires_grad for t in given):
        raise KernelError("spectral_conv has no derivative; call it under torch.inference_mode() or torch.no_grad()")


def _check_backend(x: Tensor, backend: str) -> None:
    if backend not in BACKENDS:
        raise KernelError(f"backend is {backend!r}; choose from {', '.join(BACKENDS)}")
    if x.dtype not in DTYPES and x.dtype != torch.float64:
        raise KernelError(f"x is {x.dtype}; spectral_conv computes in float16, bfloat16, float32 and float64")
    if backend in ("auto", "torch"):
        return
    if x.device.type not in ("cuda", "meta"):
        raise KernelError(f"backend {backend!r} needs CUDA tensors, x is on {x.device}; choose auto or torch")
    if x.dtype not in DTYPES:
        raise KernelError(f"backend {backend!r} computes in {', '.join(DTYPES.values())}, x is {x.dtype}; choose torch")


def _check_shapes(x: Tensor, weight: Tensor, bias: Tensor, residual: Tensor | None) -> None:
    if x.dim() != 4 or 0 in x.shape:
        raise KernelError(f"x is of shape {tuple(x.shape)}; spectral_conv takes (N, C, h, w), each at least 1")
    mixed = 2 * x.shape[1]
    if tuple(weight.shape) not in ((mixed, mixed), (mixed, mixed, 1, 1)):
        raise KernelError(
            f"weight is of shape {tuple(weight.shape)}; x of {x.shape[1]} channels needs {(mixed, mixed)}"
        )
    if tuple(bias.shape) != (mixed,):
        raise KernelError(f"bias is of shape {tuple(bias.shape)}; x of {x.shape[1]} channels needs {(mixed,)}")
    if residual is not None and residual.shape != x.shape:
        raise KernelError(f"residual is of shape {tuple(residual.shape)}; it needs x's, {tuple(x.shape)}")


_OPERATORS: Any = torch.library.Library("lama", "FRAGMENT")  # type: ignore[no-untyped-call]
_OPERATORS.define(
    "spectral_conv(Tensor x, Tensor weight, Tensor bias, Tensor? residual, str backend) -> Tensor",
    tags=(torch.Tag.pt2_compliant_tag, torch.Tag.needs_fixed_stride_order),
)
_OPERATORS.impl("spectral_conv", _on_any_device, "CompositeExplicitAutograd")
_OPERATORS.impl("spectral_conv", _on_cuda, "CUDA")
torch.library.register_fake("lama::spectral_conv", _meta, lib=_OPERATORS)
OPERATOR = torch.ops.lama.spectral_conv.default


def spectral_conv(
    x: Tensor, weight: Tensor, bias: Tensor, *, residual: Tensor | None = None, backend: str = "auto"
) -> Tensor:
    """Fourier unit: irfft2(relu(weight @ rfft2(x) + bias)), plus `residual` where given.

    x, residual: (N, C, h, w), contiguous or channels-last, float16, bfloat16, float32 or float64. weight: (2C, 2C) or
    (2C, 2C, 1, 1) and bias: (2C,) over interleaved channels, BN folded in; all of x's dtype and device. Returns x's
    shape, dtype and memory format. For inference: no derivatives.
    backend: "auto" (on CUDA liblama_spectral, compiled at the first call if it has to be; else torch.fft), "torch"
    (torch.fft), "cufft" or "tensor_core" (liblama_spectral's, CUDA only, not float64).
    KernelError: arguments that do not fit, tensors that require gradients, a named backend that cannot be had.
    """
    return OPERATOR(x, weight, bias, residual, backend)
