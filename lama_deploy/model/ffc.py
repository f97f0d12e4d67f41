"""Fast Fourier Convolution blocks with the official state_dict keys.

The trunk carries a pair (local, global) of feature maps; layers before it carry a plain tensor. Official code uses
one class and the integer 0 for an absent branch (`saicinpainting/training/modules/ffc.py`); here each case is a class.
All maps are (N, C, h, w).
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from lama_deploy.spectral import irfft2, rfft2

Branches = tuple[Tensor, Tensor]


def _reflect_conv(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False, padding_mode="reflect")


def _without_autocast(x: Tensor) -> AbstractContextManager[object]:
    """Shape-only tensors have no autocast to switch off."""
    return nullcontext() if x.is_meta else torch.autocast(x.device.type, enabled=False)


class FourierUnit(nn.Module):
    """(N, C, h, w) -> (N, C, h, w): 1x1 convolution, BN and ReLU on the interleaved spectrum (paper, section 2.1).

    Under autocast all of it computes in float32: one spectral bin is a sum over the whole latent, so the DC bin is
    far larger than the rest, and half precision would spoil or overflow it.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_layer = nn.Conv2d(2 * channels, 2 * channels, 1, bias=False)
        self.bn = nn.BatchNorm2d(2 * channels)

    def forward(self, x: Tensor) -> Tensor:
        dtype = self.conv_layer.weight.dtype
        with _without_autocast(x):
            mixed = self.bn(self.conv_layer(rfft2(x).to(dtype))).relu_()
            return irfft2(mixed, x.shape[-1]).to(x.dtype)


class SpectralTransform(nn.Module):
    """Global-to-global path: 1x1 down, Fourier unit with residual, 1x1 up."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.conv1 = nn.Sequential(
            nn.Conv2d(channels, half, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU(inplace=True)
        )
        self.fu = FourierUnit(half)
        self.conv2 = nn.Conv2d(half, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        out: Tensor = self.conv2(x + self.fu(x))
        return out


class LocalFFC(nn.Module):
    """Holder of the single convolution of a layer without a global branch (official key `ffc.convl2l`)."""

    def __init__(self, convl2l: nn.Conv2d) -> None:
        super().__init__()
        self.convl2l = convl2l

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.convl2l(x)
        return out


class LocalConvBNAct(nn.Module):
    """Convolution, BN, ReLU under the official keys `ffc.convl2l`, `bn_l`."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.ffc = LocalFFC(conv)
        self.bn_l = nn.BatchNorm2d(conv.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.bn_l(self.ffc(x)).relu_()
        return out


class SplitFFC(nn.Module):
    """The stride-2 layer in which a plain map becomes a local and a global one."""

    def __init__(self, in_channels: int, local: int, global_: int) -> None:
        super().__init__()
        self.convl2l = _reflect_conv(in_channels, local, stride=2)
        self.convl2g = _reflect_conv(in_channels, global_, stride=2)

    def forward(self, x: Tensor) -> Branches:
        return self.convl2l(x), self.convl2g(x)


class FFC(nn.Module):
    """The four paths between a local and a global map (paper, figure 1)."""

    def __init__(self, local: int, global_: int) -> None:
        super().__init__()
        self.convl2l = _reflect_conv(local, local)
        self.convl2g = _reflect_conv(local, global_)
        self.convg2l = _reflect_conv(global_, local)
        self.convg2g = SpectralTransform(global_)

    def forward(self, x: Branches) -> Branches:
        x_l, x_g = x
        return self.convl2l(x_l) + self.convg2l(x_g), self.convl2g(x_l) + self.convg2g(x_g)


class FFCBNAct(nn.Module):
    """An FFC (or SplitFFC), then BN and ReLU on each branch."""

    def __init__(self, ffc: FFC | SplitFFC, local: int, global_: int) -> None:
        super().__init__()
        self.ffc = ffc
        self.bn_l = nn.BatchNorm2d(local)
        self.bn_g = nn.BatchNorm2d(global_)

    def forward(self, x: Tensor | Branches) -> Branches:
        y_l, y_g = self.ffc(x)
        return self.bn_l(y_l).relu_(), self.bn_g(y_g).relu_()


class FFCResnetBlock(nn.Module):
    """Two FFCs and a residual; nothing follows the addition."""

    def __init__(self, local: int, global_: int) -> None:
        super().__init__()
        self.conv1 = FFCBNAct(FFC(local, global_), local, global_)
        self.conv2 = FFCBNAct(FFC(local, global_), local, global_)

    def forward(self, x: Branches) -> Branches:
        y_l, y_g = self.conv2(self.conv1(x))
        return x[0] + y_l, x[1] + y_g


class ConcatBranches(nn.Module):
    """(local, global) -> one map, local channels first."""

    def forward(self, x: Branches) -> Tensor:
        return torch.cat(x, dim=1)
