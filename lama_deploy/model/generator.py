"""The generators as plain modules whose state_dict has the official keys, order, shapes and dtypes."""

from __future__ import annotations

from torch import Tensor, nn

from lama_deploy.model.ffc import ConcatBranches, FFCBNAct, FFCResnetBlock, LocalConvBNAct, SplitFFC
from lama_deploy.model.pix2pixhd import MultidilatedResnetBlock, ResnetBlock
from lama_deploy.variants import STEM_PADDING, GeneratorConfig, resolve_config


class Generator(nn.Module):
    """(N, 4, H, W) = [RGB * (1 - mask), mask] in [0, 1] -> (N, 3, H, W) RGB in (0, 1); float32.

    H and W: multiples of `config.multiple`, at least `config.minimum_size`.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        front = _ffc_front(config) if config.kind == "ffc" else _pix2pixhd_front(config)
        self.model = nn.Sequential(*front, *_up_layers(config))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.model(x)
        return out


def build_generator(name_or_config: str | GeneratorConfig) -> Generator:
    """A freshly initialised generator, float32, in eval mode.

    Raises ConfigError for an unknown name. Weights follow PyTorch's default initialisation.
    """
    return Generator(resolve_config(name_or_config)).eval()


def _ffc_front(config: GeneratorConfig) -> list[nn.Module]:
    """Stem, downsamplings and trunk of official `FFCResNetGenerator`; all convolutions reflect-padded, no bias."""
    local, global_ = config.local_channels, config.global_channels
    layers: list[nn.Module] = [
        nn.ReflectionPad2d(STEM_PADDING),
        LocalConvBNAct(nn.Conv2d(4, config.width, 7, bias=False)),
    ]
    for level in range(config.downsamplings - 1):
        conv = nn.Conv2d(
            config.channels(level), config.channels(level + 1), 3, 2, padding=1, bias=False, padding_mode="reflect"
        )
        layers.append(LocalConvBNAct(conv))
    split = SplitFFC(config.channels(config.downsamplings - 1), local, global_)
    layers.append(FFCBNAct(split, local, global_))
    layers += [FFCResnetBlock(local, global_) for _ in range(config.blocks)]
    return [*layers, ConcatBranches()]


def _pix2pixhd_front(config: GeneratorConfig) -> list[nn.Module]:
    """Stem, downsamplings and trunk of official `GlobalGenerator`; downsamplings zero-padded, biases everywhere."""
    layers: list[nn.Module] = [nn.ReflectionPad2d(STEM_PADDING), nn.Conv2d(4, config.width, 7)]
    layers += [nn.BatchNorm2d(config.width), nn.ReLU(inplace=True)]
    for level in range(config.downsamplings):
        out = config.channels(level + 1)
        layers += [nn.Conv2d(config.channels(level), out, 3, 2, padding=1), nn.BatchNorm2d(out), nn.ReLU(inplace=True)]
    block = MultidilatedResnetBlock if config.kind == "dilated" else ResnetBlock
    return layers + [block(config.latent_channels) for _ in range(config.blocks)]


def _up_layers(config: GeneratorConfig) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for level in range(config.downsamplings, 0, -1):
        out = config.channels(level - 1)
        layers += [
            nn.ConvTranspose2d(config.channels(level), out, 3, 2, padding=1, output_padding=1),
            nn.BatchNorm2d(out),
            nn.ReLU(inplace=True),
        ]
    return [*layers, nn.ReflectionPad2d(STEM_PADDING), nn.Conv2d(config.width, 3, 7), nn.Sigmoid()]
