"""Every convolution of a generator, as one table: official keys, shapes, the values between them, names in graphs.

Whatever walks a generator walks this: the keys that a checkpoint has, the weights that are folded and scaled, the
modules for inference and the exported graph. Plain Python, from a configuration alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from lama_deploy.variants import DILATIONS, GeneratorConfig

INPUT, HEAD = "input", "head"  # what has a meaning outside the generator

Value = tuple[str, int]  # name, channels


@dataclass(frozen=True)
class Layer:
    """A convolution between named values.

    name: of its node in an exported graph, below "generator" ("block03/conv1/l2g"). conv: official key. norm: that of
    the BN behind it, shared by convolutions whose sum it normalises, None at the head. inputs: in the order of its
    input channels. output: the value it makes, or adds to, and `channels` how many of its channels. zeros: padded with
    zeros, where all others are reflect-padded. bias: whether it has one in the state_dict.
    """

    name: str
    conv: str
    norm: str | None
    inputs: tuple[Value, ...]
    output: str
    channels: int
    kernel: int
    stride: int = 1
    dilation: int = 1
    zeros: bool = False
    transposed: bool = False
    bias: bool = False

    @property
    def padding(self) -> int:
        """Rows and columns on each side, for a map that keeps its size but for the stride."""
        return self.kernel // 2 * self.dilation

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """(O, I, k, k), or (I, O, k, k) of a transposed convolution."""
        outputs, inputs = self.channels, sum(channels for _, channels in self.inputs)
        return (*((inputs, outputs) if self.transposed else (outputs, inputs)), self.kernel, self.kernel)


@dataclass(frozen=True)
class Stage:
    """What official code has one module for. name: the scope of its layers in an exported graph.

    layers: one convolution; at the Fourier generator's last downsampling l2l, l2g; in its trunk l2l, l2g, g2l and of
    g2g conv1, the Fourier unit, conv2; in a dilated trunk one for each of DILATIONS. In the state_dict's order.
    """

    name: str
    layers: tuple[Layer, ...]


@dataclass(frozen=True)
class Block:
    """What is added to the trunk. name: scope in an exported graph. stages: its two halves."""

    name: str
    stages: tuple[Stage, Stage]


@dataclass(frozen=True)
class Topology:
    """A generator. front: the stem and the downsamplings."""

    front: tuple[Stage, ...]
    blocks: tuple[Block, ...]
    ups: tuple[Stage, ...]
    head: Layer

    @property
    def stages(self) -> Iterator[Stage]:
        """In the order of the state_dict, the head as the last."""
        yield from chain(self.front, *(block.stages for block in self.blocks), self.ups)
        yield Stage(HEAD, (self.head,))


def topology(config: GeneratorConfig) -> Topology:
    """The table of a generator.

    Values: stem, down1.., local and global (the trunk's two branches) or trunk, blockNN/mid_local, blockNN/mid_global
    or blockNN/mid (between a block's halves), blockNN/convM/spectral (inside a spectral transform), up1.., head.
    """
    trunk = _trunk(config)
    front = tuple(_front(config, trunk))
    first_block = 1 + _modules_per_front_stage(config) * len(front)  # behind the padding in front of the stem
    blocks = tuple(
        _block(config, f"model.{first_block + block}", f"block{block + 1:02d}", trunk) for block in range(config.blocks)
    )
    first_up = first_block + len(blocks) + len(trunk) - 1  # two branches are concatenated by a module
    ups = tuple(_ups(config, first_up, trunk))
    last = (ups[-1].name, config.width)
    key = f"model.{first_up + 3 * len(ups) + 1}"  # behind another padding
    head = Layer("head/conv", key, None, (last,), HEAD, 3, 7, bias=True)
    return Topology(front, blocks, ups, head)


def layers(config: GeneratorConfig) -> tuple[Layer, ...]:
    """Every convolution, in the order of the state_dict."""
    return tuple(layer for stage in topology(config).stages for layer in stage.layers)


def _trunk(config: GeneratorConfig) -> tuple[Value, ...]:
    if config.kind == "ffc":
        return ("local", config.local_channels), ("global", config.global_channels)
    return (("trunk", config.latent_channels),)


def _modules_per_front_stage(config: GeneratorConfig) -> int:
    """In the official flat Sequential: one of all three, or a convolution, BN and ReLU."""
    return 1 if config.kind == "ffc" else 3


def _front(config: GeneratorConfig, trunk: tuple[Value, ...]) -> Iterator[Stage]:
    ffc = config.kind == "ffc"
    before: tuple[Value, ...] = ((INPUT, 4),)
    for level in range(config.downsamplings + 1):
        name, index = f"down{level}" if level else "stem", 1 + _modules_per_front_stage(config) * level
        keys = [(f"model.{index}", f"model.{index + 1}")]
        if ffc:
            keys = [(f"model.{index}.ffc.convl2{branch}", f"model.{index}.bn_{branch}") for branch in "lg"]
        after = trunk if level == config.downsamplings else ((name, config.channels(level)),)
        names = ("conv",) if len(after) == 1 else ("l2l", "l2g")
        kernel, stride = (3, 2) if level else (7, 1)
        convs = (
            Layer(f"{name}/{own}", *official, before, *value, kernel, stride, zeros=not ffc and level > 0, bias=not ffc)
            for own, official, value in zip(names, keys, after, strict=False)
        )
        yield Stage(name, tuple(convs))
        before = after


def _ups(config: GeneratorConfig, index: int, before: tuple[Value, ...]) -> Iterator[Stage]:
    for level in range(1, config.downsamplings + 1):
        name, keys = f"up{level}", (f"model.{index}", f"model.{index + 1}")
        after = (name, config.channels(config.downsamplings - level))
        conv = Layer(f"{name}/conv", *keys, before, *after, kernel=3, stride=2, transposed=True, bias=True)
        yield Stage(name, (conv,))
        before, index = (after,), index + 3


def _block(config: GeneratorConfig, key: str, name: str, trunk: tuple[Value, ...]) -> Block:
    middle = tuple(
        (f"{name}/mid" if value == "trunk" else f"{name}/mid_{value}", channels) for value, channels in trunk
    )
    half = {"ffc": _ffc, "regular": _regular, "dilated": _dilated}[config.kind]
    return Block(name, (half(key, f"{name}/conv1", 0, trunk, middle), half(key, f"{name}/conv2", 1, middle, trunk)))


def _ffc(block: str, name: str, half: int, before: tuple[Value, ...], after: tuple[Value, ...]) -> Stage:
    (local, global_), (to_local, to_global) = before, after
    key = f"{block}.conv{half + 1}"
    bn_l, bn_g, ffc, g2g = f"{key}.bn_l", f"{key}.bn_g", f"{key}.ffc", f"{key}.ffc.convg2g"
    reduced = (f"{name}/spectral", global_[1] // 2)
    spectrum = (reduced[0], 2 * reduced[1])  # real and imaginary parts
    return Stage(
        name,
        (
            Layer(f"{name}/l2l", f"{ffc}.convl2l", bn_l, (local,), *to_local, 3),
            Layer(f"{name}/l2g", f"{ffc}.convl2g", bn_g, (local,), *to_global, 3),
            Layer(f"{name}/g2l", f"{ffc}.convg2l", bn_l, (global_,), *to_local, 3),
            Layer(f"{name}/g2g/conv1", f"{g2g}.conv1.0", f"{g2g}.conv1.1", (global_,), *reduced, 1),
            Layer(f"{name}/g2g/fourier_unit", f"{g2g}.fu.conv_layer", f"{g2g}.fu.bn", (spectrum,), *spectrum, 1),
            Layer(f"{name}/g2g/conv2", f"{g2g}.conv2", bn_g, (reduced,), *to_global, 1),
        ),
    )


def _regular(block: str, name: str, half: int, before: tuple[Value, ...], after: tuple[Value, ...]) -> Stage:
    conv, norm = ((1, 2), (5, 6))[half]  # among paddings and ReLU
    keys = f"{block}.conv_block.{conv}", f"{block}.conv_block.{norm}"
    return Stage(name, (Layer(name, *keys, before, *after[0], 3, bias=True),))


def _dilated(block: str, name: str, half: int, before: tuple[Value, ...], after: tuple[Value, ...]) -> Stage:
    """The input's channels are split over the branches, whose outputs are summed."""
    conv, norm = ((0, 1), (3, 4))[half]
    ((value, channels),) = before
    part = (value, channels // len(DILATIONS))
    keys = [(f"{block}.conv_block.{conv}.convs.{i}", f"{block}.conv_block.{norm}") for i in range(len(DILATIONS))]
    convs = (
        Layer(f"{name}/dilation{d}", *own, (part,), *after[0], 3, dilation=d, bias=True)
        for own, d in zip(keys, DILATIONS, strict=True)
    )
    return Stage(name, tuple(convs))
