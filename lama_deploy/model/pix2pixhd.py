"""Residual blocks of the generators without Fourier units, with the official state_dict keys.

Source: official `saicinpainting/training/modules/pix2pixhd.py` and `multidilated_conv.py`. Maps are (N, C, h, w).
Unlike the FFC block, no ReLU follows the second convolution.
"""

from __future__ import annotations

from torch import Tensor, nn

from lama_deploy.variants import DILATIONS


class ResnetBlock(nn.Module):
    """x + BN(conv(relu(BN(conv(x))))), 3x3 reflect-padded convolutions with bias."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


class MultidilatedConv(nn.Module):
    """Input channels split over branches of growing dilation, outputs summed (official `comb_mode='cat_in'`)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(channels // len(DILATIONS), channels, 3, dilation=d, padding=d, padding_mode="reflect")
            for d in DILATIONS
        )

    def forward(self, x: Tensor) -> Tensor:
        first, *rest = zip(self.convs, x.chunk(len(self.convs), dim=1), strict=True)
        out: Tensor = first[0](first[1])
        for conv, part in rest:
            out = out + conv(part)
        return out


class MultidilatedResnetBlock(nn.Module):
    """As ResnetBlock, with multi-dilated convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            MultidilatedConv(channels),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            MultidilatedConv(channels),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)
