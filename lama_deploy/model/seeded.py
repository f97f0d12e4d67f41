"""Generators with random but lively weights: a stand-in for trained ones in tests and demonstrations.

PyTorch's default initialisation with fresh BN statistics makes a generator whose output sits near 0.5, and such a
net hides every bug. Here each BN layer's affine and running statistics are drawn and then set from data, so that
activations stay of order one through any depth and the output uses its range.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lama_deploy.model.ffc import FFCResnetBlock
from lama_deploy.model.generator import Generator, build_generator
from lama_deploy.model.pix2pixhd import MultidilatedResnetBlock, ResnetBlock
from lama_deploy.variants import GeneratorConfig

RESIDUAL_GAIN = 0.3  # of a residual branch's last BN: as in trained nets, one block changes the trunk only a little
CALIBRATION_SIZE = 96  # pixels; a multiple of 8 above every variant's minimum
OUTPUT_STD = 1.0  # standard deviation of the logits in front of the sigmoid


@torch.no_grad()
def seeded_generator(name_or_config: str | GeneratorConfig, seed: int = 0) -> Generator:
    """A generator whose weights depend on `seed` alone, float32, eval mode. It has learnt nothing."""
    generator = build_generator(name_or_config)
    random = torch.Generator().manual_seed(seed)
    for module in generator.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            _draw_convolution(module, random)
        elif isinstance(module, nn.BatchNorm2d):
            module.weight.copy_(1 + 0.2 * torch.randn(module.weight.shape, generator=random))
            module.bias.copy_(0.2 * torch.randn(module.bias.shape, generator=random))
    _quieten_residuals(generator)
    _calibrate(generator, _calibration_input(random))
    return generator.eval()


def _draw_convolution(conv: nn.Conv2d | nn.ConvTranspose2d, random: torch.Generator) -> None:
    fan_in = conv.weight[0].numel() if isinstance(conv, nn.Conv2d) else conv.weight[:, 0].numel()
    conv.weight.copy_(torch.randn(conv.weight.shape, generator=random) * (2 / fan_in) ** 0.5)
    if conv.bias is not None:
        conv.bias.copy_(0.1 * torch.randn(conv.bias.shape, generator=random))


def _quieten_residuals(generator: Generator) -> None:
    for module in generator.modules():
        if isinstance(module, FFCResnetBlock):
            module.conv2.bn_l.weight.mul_(RESIDUAL_GAIN)
            module.conv2.bn_g.weight.mul_(RESIDUAL_GAIN)
        elif isinstance(module, (ResnetBlock, MultidilatedResnetBlock)):
            last = module.conv_block[-1]
            assert isinstance(last, nn.BatchNorm2d)
            last.weight.mul_(RESIDUAL_GAIN)


def _calibration_input(random: torch.Generator) -> Tensor:
    """(2, 4, S, S): smooth colours, and a hole in each image."""
    coarse = torch.rand(2, 3, 7, 7, generator=random)
    image = nn.functional.interpolate(coarse, CALIBRATION_SIZE, mode="bicubic").clamp(0, 1)
    mask = torch.zeros(2, 1, CALIBRATION_SIZE, CALIBRATION_SIZE)
    mask[0, :, 20:60, 30:80] = 1
    mask[1, :, 50:, :40] = 1
    return torch.cat((image * (1 - mask), mask), dim=1)


def _calibrate(generator: Generator, x: Tensor) -> None:
    """Set every BN layer's running statistics from one pass, and scale the head to the wanted output spread."""
    norms = [module for module in generator.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # cumulative average: one pass gives exactly this batch's statistics
    generator.train()
    generator(x)
    for norm in norms:
        norm.momentum = 0.1
    generator.eval()
    head = generator.model[-2]
    assert isinstance(head, nn.Conv2d) and head.bias is not None
    logits = generator.model[:-1](x)
    scale = OUTPUT_STD / logits.std(dim=(0, 2, 3))
    head.bias.copy_((head.bias - logits.mean(dim=(0, 2, 3))) * scale)
    head.weight.mul_(scale[:, None, None, None])
