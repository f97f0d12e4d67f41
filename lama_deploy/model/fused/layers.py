"""Convolutions with batch normalisation folded in, for inference: no autograd, official weights as float64 arrays.

Weights are buffers, so that `.to(device, dtype, memory_format=torch.channels_last)` converts all of them once. A layer
says what it stores in memory (`stored`), by the names of `checkpoints.topology`: half precision must hold that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.folded import FoldedWeights
from lama_deploy.checkpoints.topology import Layer
from lama_deploy.native.op import spectral_conv

Stored = Iterator[tuple[str, Tensor]]
VECTOR, OPERAND = 8, 32  # channels that a load takes at once, and that a matrix instruction does


class Storing(Protocol):
    """A layer that says what it stores when it gives `output`: (value of `topology`, tensor) pairs."""

    def stored(self, output: Any) -> Stored: ...


def folded(weights: FoldedWeights, layer: Layer) -> Convolution:
    """A convolution with the BN behind it folded in, padded where that is with zeros."""
    value, weight, bias = layer.output, weights.weight(layer), weights.bias(layer)
    if layer.transposed:
        return UpConvolution(value, weight, bias)
    return Convolution(value, weight, bias, stride=layer.stride, padding=layer.padding if layer.zeros else 0)


class Convolution(nn.Module):
    """(N, I, h, w) -> (N, O, h', w') by a weight (O, I, k, k), for value `value`.

    The bias (O,), or None, is not added: who takes the result adds it on the way (`lama_deploy.native.frames`).
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(
        self, value: str, weight: Array, bias: Array | None, *, stride: int = 1, padding: int = 0, dilation: int = 1
    ) -> None:
        super().__init__()
        self.value, self.stride, self.padding, self.dilation = value, stride, padding, dilation
        self.register_buffer("weight", torch.from_numpy(weight))
        self.register_buffer("bias", None if bias is None else torch.from_numpy(bias))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, None, self.stride, self.padding, self.dilation)

    def stored(self, output: Tensor) -> Stored:
        yield self.value, output
        if self.bias is not None:  # without a kernel library, the sum is stored before its ReLU
            yield self.value, output + self.bias[:, None, None]


class SplitConvolution(Convolution):
    """Makes the trunk's local and global channels at once."""

    def __init__(self, values: tuple[str, str], local: int, weight: Array, bias: Array) -> None:
        super().__init__("", weight, bias, stride=2)
        self.values, self.local = values, local

    def stored(self, output: Tensor) -> Stored:
        local, global_ = self.values
        for _, y in super().stored(output):
            yield local, y[:, : self.local]
            yield global_, y[:, self.local :]


class HeadConvolution(nn.Module):
    """A convolution to few channels, along columns first: 7x1 to a value for every output and shift, 1x7 to their sum.

    Matrix units compute 32 outputs or more whether they are wanted or not: 3 of 7x7 take as long as 32 do. Here 21 are
    wanted, each of a seventh of the products.
    """

    sums: Tensor
    bias: Tensor

    def __init__(self, value: str, weight: Array, bias: Array) -> None:
        """weight: (O, I, k, k); bias: (O,), not added, as by `Convolution`. Channels are filled up with zeros."""
        super().__init__()
        outputs, inputs, size, _ = weight.shape
        columns = np.zeros((_filled(outputs * size, OPERAND), inputs, size, 1), weight.dtype)
        columns[: outputs * size, :, :, 0] = weight.transpose(0, 3, 1, 2).reshape(-1, inputs, size)
        sums = np.zeros((_filled(outputs, VECTOR), len(columns), 1, size), weight.dtype)
        for output in range(outputs):
            for shift in range(size):
                sums[output, output * size + shift, 0, shift] = 1
        self.value, self.outputs = value, outputs
        self.columns = Convolution(value, columns, None)
        self.register_buffer("sums", torch.from_numpy(sums))
        self.register_buffer("bias", torch.from_numpy(bias))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(self.columns(x), self.sums)[:, : self.outputs]

    def stored(self, output: Tensor) -> Stored:
        yield self.value, output


class UpConvolution(Convolution):
    """(N, I, h, w) -> (N, O, 2h, 2w) by a transposed convolution, weight (I, O, 3, 3)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.conv_transpose2d(x, self.weight, None, stride=2, padding=1, output_padding=1)


class FourierUnit(nn.Module):
    """t -> t + FourierUnit(t), (N, C, h, w); weight (2C, 2C, 1, 1) and bias (2C,) over the interleaved spectrum."""

    weight: Tensor
    bias: Tensor

    def __init__(self, value: str, weight: Array, bias: Array) -> None:
        super().__init__()
        self.value = value
        self.register_buffer("weight", torch.from_numpy(weight))
        self.register_buffer("bias", torch.from_numpy(bias))

    def forward(self, x: Tensor) -> Tensor:
        return spectral_conv(x, self.weight, self.bias, residual=x)

    def stored(self, output: Tensor) -> Stored:
        """The spectrum itself is not stored: `spectral_conv` keeps it in range by itself."""
        yield self.value, output
        yield self.value, self.bias


class PointwiseReLU(nn.Module):
    """ReLU of a 1x1 convolution with bias.

    Of a channels-last map that is a matrix product, whose kernel adds the bias and cuts off before it writes.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, value: str, weight: Array, bias: Array) -> None:
        """weight: (O, I, 1, 1); bias: (O,)."""
        super().__init__()
        self.value = value
        self.register_buffer("weight", torch.from_numpy(weight[:, :, 0, 0].copy()))
        self.register_buffer("bias", torch.from_numpy(bias))

    def forward(self, x: Tensor) -> Tensor:
        pixels = torch._addmm_activation(self.bias, _pixels(x), self.weight.t())
        return _map(pixels, x.shape)

    def stored(self, output: Tensor) -> Stored:
        yield self.value, output
        yield self.value, self.bias


class SpectralTransform(nn.Module):
    """Adds the global-to-global path to y, in place: 1x1 down, ReLU, Fourier unit with residual, 1x1 up."""

    up: Tensor

    def __init__(self, conv1: PointwiseReLU, unit: FourierUnit, conv2: Array) -> None:
        """conv2: (G, G/2, 1, 1), the BN after the sum folded in; its bias is in what makes y."""
        super().__init__()
        self.conv1, self.unit = conv1, unit
        self.register_buffer("up", torch.from_numpy(conv2[:, :, 0, 0].T.copy()))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """x, y: (N, G, h, w). Returns y + conv2(...)."""
        pixels = _pixels(y)
        pixels.addmm_(_pixels(self.unit(self.conv1(x))), self.up)
        return _map(pixels, y.shape)


def _pixels(x: Tensor) -> Tensor:
    """(N, C, h, w) -> (N h w, C): a view of a channels-last map, which convolutions of such maps return."""
    return x.contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def _map(pixels: Tensor, shape: torch.Size) -> Tensor:
    """(N h w, C) -> (N, C, h, w), a view; N, h and w from `shape`."""
    return pixels.view(shape[0], *shape[2:], pixels.shape[1]).permute(0, 3, 1, 2)


def _filled(channels: int, multiple: int) -> int:
    return -(-channels // multiple) * multiple
