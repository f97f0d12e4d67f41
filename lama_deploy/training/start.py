"""Where a run starts: PyTorch's random weights, as official code does, or random ones that pass the picture through.

Before it can fill a hole, a generator has to learn to give back what it sees, and from random weights that takes the
first thousands of steps. In the "pass-through" start the first 3 * 4^level channels of every level carry the picture:
each strided convolution sorts a channel's 2 x 2 pixels into four channels, each transposed one puts them back, and the
trunk's blocks start as small corrections (compare Goyal et al. 2017, section 5.1, where they start at zero). All else
stays random. Ours, not the paper's: for runs too short to get there by themselves.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from lama_deploy.errors import ConfigError
from lama_deploy.model.ffc import FFCBNAct, FFCResnetBlock, LocalConvBNAct
from lama_deploy.model.generator import Generator
from lama_deploy.model.pix2pixhd import MultidilatedResnetBlock, ResnetBlock
from lama_deploy.variants import GeneratorConfig

Start = Literal["random", "pass-through"]

COLOURS = 3
TAP = 3.0  # weight that carries a pixel; well above the random ones, so that the first updates do not drown it
RANDOM = 0.3  # factor on the random weights beside a tap
SHIFT = 2.5  # BN's bias, in standard deviations: what is above -2.5 of them passes the ReLU
BLOCK = 0.5  # BN's weight at the end of a block, 1 by default


def pass_through(generator: Generator) -> None:
    """Change a freshly initialised generator in place. Raises ConfigError where a level has too few channels."""
    _check(generator.config)
    with torch.no_grad():
        for level, (filters, biases) in enumerate(_encoder(generator)):
            _sort(filters, biases, level)
        for level, (convolution, norm) in enumerate(_decoder(generator)):
            _put_back(convolution.weight, norm.bias, generator.config.downsamplings - level)
        _show(_last(generator))
        for norm in _block_ends(generator):
            norm.weight.fill_(BLOCK)


def _check(config: GeneratorConfig) -> None:
    for level in range(config.downsamplings + 1):
        if config.channels(level) < COLOURS * 4**level:
            raise ConfigError(
                f"start: pass-through needs {COLOURS * 4**level} channels after {level} downsamplings, this generator "
                f"has {config.channels(level)}; widen it or use start=random"
            )


def _sort(filters: Sequence[Tensor], biases: Sequence[Tensor], level: int) -> None:
    """filters: each output channel's (C_in, k, k). Channel 4 p + 2 y + x takes pixel (y, x) of channel p."""
    for channel in range(COLOURS * 4**level):
        filters[channel].mul_(RANDOM)
        if level == 0:
            filters[channel][channel, 3, 3] = TAP
        else:
            parent, (y, x) = channel // 4, _pixel(channel)
            filters[channel][parent, 1 + y, 1 + x] = TAP
        biases[channel].fill_(SHIFT)


def _put_back(weight: Tensor, bias: Tensor, level: int) -> None:
    """weight (C_in, C_out, 3, 3) of a transposed convolution, from `level` to the one above it."""
    carriers = COLOURS * 4 ** (level - 1)
    weight[:, :carriers].mul_(RANDOM)
    for channel in range(4 * carriers):
        y, x = _pixel(channel)
        weight[channel, channel // 4, 1 + y, 1 + x] = TAP
    bias[:carriers].fill_(SHIFT)


def _pixel(channel: int) -> tuple[int, int]:
    return channel % 4 // 2, channel % 2


def _show(convolution: nn.Conv2d) -> None:
    """The head: a standard deviation of a carrier is one unit before the sigmoid, as it roughly is in photographs."""
    convolution.weight.mul_(RANDOM)
    for colour in range(COLOURS):
        convolution.weight[colour, colour, 3, 3] = 1.0
    if convolution.bias is not None:
        convolution.bias.fill_(-SHIFT)


def _encoder(generator: Generator) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
    """Of each level: the filters and BN biases of its output channels, local ones first."""
    layers = list(generator.model)
    for layer, following in itertools.pairwise(layers):
        if isinstance(layer, LocalConvBNAct):
            yield list(layer.ffc.convl2l.weight), list(layer.bn_l.bias)
        elif isinstance(layer, FFCBNAct):
            filters = [*layer.ffc.convl2l.weight, *layer.ffc.convl2g.weight]
            yield filters, [*layer.bn_l.bias, *layer.bn_g.bias]
        elif isinstance(layer, nn.Conv2d) and isinstance(following, nn.BatchNorm2d):
            yield list(layer.weight), list(following.bias)


def _decoder(generator: Generator) -> Iterator[tuple[nn.ConvTranspose2d, nn.BatchNorm2d]]:
    layers = list(generator.model)
    for layer, following in itertools.pairwise(layers):
        if isinstance(layer, nn.ConvTranspose2d) and isinstance(following, nn.BatchNorm2d):
            yield layer, following


def _last(generator: Generator) -> nn.Conv2d:
    return [layer for layer in generator.model if isinstance(layer, nn.Conv2d)][-1]


def _block_ends(generator: Generator) -> Iterator[nn.BatchNorm2d]:
    for block in generator.model:
        if isinstance(block, FFCResnetBlock):
            yield from (block.conv2.bn_l, block.conv2.bn_g)
        elif isinstance(block, ResnetBlock | MultidilatedResnetBlock):
            yield [layer for layer in block.conv_block if isinstance(layer, nn.BatchNorm2d)][-1]
