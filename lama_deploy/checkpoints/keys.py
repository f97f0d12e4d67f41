"""The official state_dict of any generator configuration: its keys and shapes in order, and the way back.

Plain Python, so that a checkpoint can be recognised and checked without torch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

from lama_deploy.errors import CheckpointError, ConfigError
from lama_deploy.variants import DILATIONS, GeneratorConfig

Shape = tuple[int, ...]
Entry = tuple[str, Shape]


def expected_shapes(config: GeneratorConfig) -> dict[str, Shape]:
    """Every key of the official state_dict, in order, with its shape."""
    front = _ffc_front(config) if config.kind == "ffc" else _pix2pixhd_front(config)
    entries = list(front)
    index = first_up_index(config)
    for level in range(config.downsamplings, 0, -1):
        out = config.channels(level - 1)
        entries += [(f"model.{index}.weight", (config.channels(level), out, 3, 3)), (f"model.{index}.bias", (out,))]
        entries += _norm(f"model.{index + 1}", out)
        index += 3
    entries += _conv(f"model.{index + 1}", config.width, 3, 7, bias=True)
    return dict(entries)


def first_up_index(config: GeneratorConfig) -> int:
    """Position of the first up layer in the official flat Sequential."""
    if config.kind == "ffc":
        return 3 + config.downsamplings + config.blocks  # pad, stem, downs, blocks, concat
    return 4 + 3 * config.downsamplings + config.blocks  # pad, stem (3 layers), downs (3 each), blocks


def _conv(key: str, inputs: int, outputs: int, size: int, *, bias: bool = False) -> list[Entry]:
    weight = [(f"{key}.weight", (outputs, inputs, size, size))]
    return [*weight, (f"{key}.bias", (outputs,))] if bias else [*weight]


def _norm(key: str, channels: int) -> list[Entry]:
    vectors = [(f"{key}.{name}", (channels,)) for name in ("weight", "bias", "running_mean", "running_var")]
    return [*vectors, (f"{key}.num_batches_tracked", ())]


def _ffc_front(config: GeneratorConfig) -> Iterator[Entry]:
    local, global_ = config.local_channels, config.global_channels
    yield from _conv("model.1.ffc.convl2l", 4, config.width, 7)
    yield from _norm("model.1.bn_l", config.width)
    for level in range(config.downsamplings - 1):
        key = f"model.{2 + level}"
        yield from _conv(f"{key}.ffc.convl2l", config.channels(level), config.channels(level + 1), 3)
        yield from _norm(f"{key}.bn_l", config.channels(level + 1))
    last = f"model.{1 + config.downsamplings}"
    before = config.channels(config.downsamplings - 1)
    yield from _conv(f"{last}.ffc.convl2l", before, local, 3)
    yield from _conv(f"{last}.ffc.convl2g", before, global_, 3)
    yield from _norm(f"{last}.bn_l", local) + _norm(f"{last}.bn_g", global_)
    for block in range(config.blocks):
        for conv in ("conv1", "conv2"):
            yield from _ffc(f"model.{2 + config.downsamplings + block}.{conv}", local, global_)


def _ffc(key: str, local: int, global_: int) -> Iterator[Entry]:
    ffc, half = f"{key}.ffc", global_ // 2
    yield from _conv(f"{ffc}.convl2l", local, local, 3)
    yield from _conv(f"{ffc}.convl2g", local, global_, 3)
    yield from _conv(f"{ffc}.convg2l", global_, local, 3)
    yield from _conv(f"{ffc}.convg2g.conv1.0", global_, half, 1)
    yield from _norm(f"{ffc}.convg2g.conv1.1", half)
    yield from _conv(f"{ffc}.convg2g.fu.conv_layer", 2 * half, 2 * half, 1)
    yield from _norm(f"{ffc}.convg2g.fu.bn", 2 * half)
    yield from _conv(f"{ffc}.convg2g.conv2", half, global_, 1)
    yield from _norm(f"{key}.bn_l", local) + _norm(f"{key}.bn_g", global_)


def _pix2pixhd_front(config: GeneratorConfig) -> Iterator[Entry]:
    yield from _conv("model.1", 4, config.width, 7, bias=True) + _norm("model.2", config.width)
    for level in range(config.downsamplings):
        index, out = 4 + 3 * level, config.channels(level + 1)
        yield from _conv(f"model.{index}", config.channels(level), out, 3, bias=True)
        yield from _norm(f"model.{index + 1}", out)
    channels = config.latent_channels
    for block in range(config.blocks):
        key = f"model.{4 + 3 * config.downsamplings + block}.conv_block"
        if config.kind == "regular":
            for conv, norm in ((1, 2), (5, 6)):
                yield from _conv(f"{key}.{conv}", channels, channels, 3, bias=True) + _norm(f"{key}.{norm}", channels)
        else:
            for conv, norm in ((0, 1), (3, 4)):
                for branch in range(len(DILATIONS)):
                    yield from _conv(f"{key}.{conv}.convs.{branch}", channels // len(DILATIONS), channels, 3, bias=True)
                yield from _norm(f"{key}.{norm}", channels)


def recognise(shapes: Mapping[str, Shape]) -> GeneratorConfig:
    """The configuration whose official keys these are. Raises CheckpointError when no LaMa generator has them."""
    try:
        return _recognise_ffc(shapes) if "model.1.ffc.convl2l.weight" in shapes else _recognise_pix2pixhd(shapes)
    except (KeyError, IndexError, ArithmeticError, ConfigError) as error:
        raise CheckpointError(
            "these keys belong to no LaMa generator (ffc, regular or dilated); expected names like "
            "'generator.model.1.ffc.convl2l.weight'"
        ) from error


def _recognise_ffc(shapes: Mapping[str, Shape]) -> GeneratorConfig:
    downs = _count(shapes, r"model\.\d+\.ffc\.convl2l\.weight") - 1
    local = shapes[f"model.{1 + downs}.ffc.convl2l.weight"][0]
    global_ = shapes[f"model.{1 + downs}.ffc.convl2g.weight"][0]
    return GeneratorConfig(
        kind="ffc",
        width=shapes["model.1.ffc.convl2l.weight"][0],
        downsamplings=downs,
        blocks=_count(shapes, r"model\.\d+\.conv1\.ffc\.convl2l\.weight"),
        ratio=_ratio(global_, local + global_),
        max_channels=_cap(shapes["model.1.ffc.convl2l.weight"][0], downs, local + global_),
    )


def _ratio(global_: int, total: int) -> float:
    """A ratio whose product with `total` truncates to `global_` in spite of rounding."""
    ratio = global_ / total
    return ratio if int(total * ratio) == global_ else math.nextafter(ratio, 1)


def _recognise_pix2pixhd(shapes: Mapping[str, Shape]) -> GeneratorConfig:
    width = shapes["model.1.weight"][0]
    dilated = any(".convs.0.weight" in key for key in shapes)
    downs = sum(shape[2:] == (3, 3) and key.count(".") == 2 for key, shape in shapes.items()) // 2
    return GeneratorConfig(
        kind="dilated" if dilated else "regular",
        width=width,
        downsamplings=downs,
        blocks=_count(shapes, r"model\.\d+\.conv_block\." + (r"0\.convs\.0\.weight" if dilated else r"1\.weight")),
        max_channels=_cap(width, downs, shapes[f"model.{1 + 3 * downs}.weight"][0]),
    )


def _count(shapes: Mapping[str, Shape], pattern: str) -> int:
    return sum(re.fullmatch(pattern, key) is not None for key in shapes)


def _cap(width: int, downs: int, latent: int) -> int:
    """`max_channels` as the official default unless the trunk is narrower than the doubling makes it."""
    default = GeneratorConfig().max_channels
    return default if latent == min(default, width * 2**downs) else latent
