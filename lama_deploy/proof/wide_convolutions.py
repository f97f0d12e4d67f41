"""Convolutions with wide kernels in float64, as the sums that define them.

PyTorch has no kernels of its own for float64: it copies each pixel once for every weight that reads it, 49 times for
7x7, which takes most of the oracle's time and gigabytes for a picture of 512x512.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

WIDER_THAN = 3  # narrow kernels are products large enough that the copies cost little


class WideConvolution(nn.Module):
    """What an nn.Conv2d with stride 1 and without padding, dilation and groups computes: (N, C, H, W) of its dtype."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        assert conv.stride == conv.dilation == (1, 1) and conv.padding == (0, 0) and conv.groups == 1
        self.weight, self.bias = conv.weight, conv.bias

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = self.weight.shape[2:]
        height, width = x.shape[2] - rows + 1, x.shape[3] - columns + 1
        out = x.new_zeros(x.shape[0], len(self.weight), height, width)
        if self.bias is not None:
            out += self.bias[:, None, None]
        (_add_shifted_products if len(self.weight) < x.shape[1] else _add_rows_of_products)(out, x, self.weight)
        return out


def _add_shifted_products(out: Tensor, x: Tensor, weight: Tensor) -> None:
    """All products of a pixel at once, each added where it belongs: for more inputs than outputs."""
    outputs, inputs, rows, columns = weight.shape
    height, width = out.shape[2:]
    flat = weight.permute(2, 3, 0, 1).reshape(-1, inputs)
    products = (flat @ x.flatten(2)).view(len(x), rows, columns, outputs, *x.shape[2:])
    for row in range(rows):
        for column in range(columns):
            out += products[:, row, column, :, row : row + height, column : column + width]


def _add_rows_of_products(out: Tensor, x: Tensor, weight: Tensor) -> None:
    """One row of the kernel after the other, over pixels that are copied once for each of its columns."""
    outputs, inputs, rows, columns = weight.shape
    height, width = out.shape[2:]
    copies = torch.stack([x[..., column : column + width] for column in range(columns)], 1)
    copies = copies.view(len(x), columns * inputs, -1)
    by_row = weight.permute(2, 0, 3, 1).reshape(rows, outputs, -1)
    for picture, sums in zip(copies, out.flatten(2), strict=True):
        for row in range(rows):
            sums.addmm_(by_row[row], picture[:, row * width : (row + height) * width])


def replace_wide(network: nn.Module) -> None:
    """In a network for inference, in place; names and weights stay."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Conv2d) and max(child.kernel_size) > WIDER_THAN:
                setattr(module, name, WideConvolution(child))
