"""Range folding: activations scaled by powers of two, by changing weights only.

Convolution, ReLU, addition and the Fourier unit are positively homogeneous: with every activation of a value scaled by
s, its producers' BN scaled by s and its consumers' weights divided by s, the generator computes what it did, bit for
bit, since powers of two round nothing. So a generator whose activations leave the range of half precision becomes one
whose activations do not, in any engine. Official keys in, official keys out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.keys import first_up_index
from lama_deploy.variants import DILATIONS, GeneratorConfig

Scales = Mapping[str, float]  # value -> power of two; 1 where a value is not named
INPUT, HEAD = "input", "head"  # what has a meaning outside the generator, and is never scaled


@dataclass(frozen=True)
class Layer:
    """A convolution between named values.

    inputs: (value, channels) in the order of its input channels. norm: the BN behind it, shared by convolutions whose
    sum it normalises, None at the head. output: the value it makes, or adds to.
    """

    conv: str
    inputs: tuple[tuple[str, int], ...]
    norm: str | None
    output: str
    transposed: bool = False


def layers(config: GeneratorConfig) -> Iterator[Layer]:
    """Every convolution of a generator, in order.

    Values: stem, down1.., local and global (the trunk's two branches) or trunk, blockNN/mid_local, blockNN/mid_global
    or blockNN/mid (between a block's convolutions), blockNN/convM/spectral (inside a spectral transform), up1.., head.
    """
    front = _ffc_front(config) if config.kind == "ffc" else _pix2pixhd_front(config)
    yield from front
    index, before = first_up_index(config), trunk_values(config)
    for level in range(config.downsamplings, 0, -1):
        up = f"up{config.downsamplings - level + 1}"
        yield Layer(f"model.{index}", before, f"model.{index + 1}", up, transposed=True)
        before = ((up, config.channels(level - 1)),)
        index += 3
    yield Layer(f"model.{index + 1}", before, None, HEAD)


def trunk_values(config: GeneratorConfig) -> tuple[tuple[str, int], ...]:
    if config.kind == "ffc":
        return ("local", config.local_channels), ("global", config.global_channels)
    return (("trunk", config.latent_channels),)


def scale_state(config: GeneratorConfig, state_dict: Mapping[str, Array], scales: Scales) -> dict[str, Array]:
    """The weights of a generator whose values are `scales` times as large and whose output is the same.

    Raises ValueError for a scale that is no power of two, or a value that the generator does not have.
    """
    plan = list(layers(config))
    _check(scales, {layer.output for layer in plan} - {HEAD})
    state = {key: _copy(array) for key, array in state_dict.items()}
    norms = {layer.norm: scales.get(layer.output, 1.0) for layer in plan if layer.norm}
    for norm, scale in norms.items():
        state[f"{norm}.weight"] *= scale
        state[f"{norm}.bias"] *= scale
    for layer in plan:
        divisors = np.concatenate([np.full(channels, scales.get(value, 1.0)) for value, channels in layer.inputs])
        weight = state[f"{layer.conv}.weight"]
        weight /= divisors.astype(weight.dtype).reshape((-1, 1, 1, 1) if layer.transposed else (1, -1, 1, 1))
    return state


def _copy(array: Array) -> Array:
    """Half precision becomes single: scaled, it might not fit."""
    return np.array(array, np.promote_types(array.dtype, np.float32) if array.dtype.kind == "f" else array.dtype)


def power_of_two(value: float) -> float:
    """The largest power of two that is at most `value`, above 0."""
    return 2.0 ** math.floor(math.log2(value))


def _check(scales: Scales, known: set[str]) -> None:
    unknown = sorted(set(scales) - known)
    if unknown:
        raise ValueError(f"this generator has no values {', '.join(unknown)}")
    odd = [name for name, scale in scales.items() if scale <= 0 or math.frexp(scale)[0] != 0.5]
    if odd:
        raise ValueError(f"the scale of {odd[0]} is {scales[odd[0]]}, no power of two")


def _ffc_front(config: GeneratorConfig) -> Iterator[Layer]:
    local, global_ = trunk_values(config)
    before: tuple[tuple[str, int], ...] = ((INPUT, 4),)
    for level in range(config.downsamplings):
        key, value = f"model.{1 + level}", f"down{level}" if level else "stem"
        yield Layer(f"{key}.ffc.convl2l", before, f"{key}.bn_l", value)
        before = ((value, config.channels(level)),)
    last = f"model.{1 + config.downsamplings}"
    yield Layer(f"{last}.ffc.convl2l", before, f"{last}.bn_l", "local")
    yield Layer(f"{last}.ffc.convl2g", before, f"{last}.bn_g", "global")
    for block in range(config.blocks):
        key, name = f"model.{2 + config.downsamplings + block}", f"block{block + 1:02d}"
        middle = (f"{name}/mid_local", local[1]), (f"{name}/mid_global", global_[1])
        yield from _ffc(f"{key}.conv1", (local, global_), middle, f"{name}/conv1/spectral")
        yield from _ffc(f"{key}.conv2", middle, (local, global_), f"{name}/conv2/spectral")


def _ffc(
    key: str, before: tuple[tuple[str, int], ...], after: tuple[tuple[str, int], ...], spectral: str
) -> Iterator[Layer]:
    ffc = f"{key}.ffc"
    half = before[1][1] // 2
    yield Layer(f"{ffc}.convl2l", before[:1], f"{key}.bn_l", after[0][0])
    yield Layer(f"{ffc}.convg2l", before[1:], f"{key}.bn_l", after[0][0])
    yield Layer(f"{ffc}.convg2g.conv1.0", before[1:], f"{ffc}.convg2g.conv1.1", spectral)
    yield Layer(f"{ffc}.convg2g.fu.conv_layer", ((spectral, 2 * half),), f"{ffc}.convg2g.fu.bn", spectral)
    yield Layer(f"{ffc}.convl2g", before[:1], f"{key}.bn_g", after[1][0])
    yield Layer(f"{ffc}.convg2g.conv2", ((spectral, half),), f"{key}.bn_g", after[1][0])


def _pix2pixhd_front(config: GeneratorConfig) -> Iterator[Layer]:
    yield Layer("model.1", ((INPUT, 4),), "model.2", "stem")
    before = (("stem", config.width),)
    for level in range(config.downsamplings):
        index, value = 4 + 3 * level, "trunk" if level + 1 == config.downsamplings else f"down{level + 1}"
        yield Layer(f"model.{index}", before, f"model.{index + 1}", value)
        before = ((value, config.channels(level + 1)),)
    for block in range(config.blocks):
        key, name = f"model.{4 + 3 * config.downsamplings + block}.conv_block", f"block{block + 1:02d}/mid"
        convs = ((1, 2), (5, 6)) if config.kind == "regular" else ((0, 1), (3, 4))
        values = ("trunk", name, "trunk")
        for (conv, norm), source, target in zip(convs, values, values[1:], strict=False):
            for branch, channels in _branches(config, f"{key}.{conv}"):
                yield Layer(branch, ((source, channels),), f"{key}.{norm}", target)


def _branches(config: GeneratorConfig, key: str) -> list[tuple[str, int]]:
    channels = config.latent_channels
    if config.kind == "regular":
        return [(key, channels)]
    return [(f"{key}.convs.{branch}", channels // len(DILATIONS)) for branch in range(len(DILATIONS))]
