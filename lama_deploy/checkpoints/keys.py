"""The official state_dict of any generator configuration: its keys and shapes in order, and the way back.

Plain Python, so that a checkpoint can be recognised and checked without torch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

from lama_deploy.checkpoints.topology import Stage, topology
from lama_deploy.errors import CheckpointError, ConfigError
from lama_deploy.variants import GeneratorConfig

Shape = tuple[int, ...]
Entry = tuple[str, Shape]


def expected_shapes(config: GeneratorConfig) -> dict[str, Shape]:
    """Every key of the official state_dict, in order, with its shape."""
    return dict(entry for stage in topology(config).stages for entry in _entries(stage))


def _entries(stage: Stage) -> Iterator[Entry]:
    """A BN beside its convolution follows it; those of the module around the convolutions come behind all of them."""
    behind: dict[str, int] = {}
    for layer in stage.layers:
        yield f"{layer.conv}.weight", layer.weight_shape
        if layer.bias:
            yield f"{layer.conv}.bias", (layer.channels,)
        if layer.norm and _parent(layer.norm) == _parent(layer.conv):
            yield from _norm(layer.norm, layer.channels)
        elif layer.norm:
            behind[layer.norm] = layer.channels
    for norm, channels in behind.items():
        yield from _norm(norm, channels)


def _parent(key: str) -> str:
    return key.rpartition(".")[0]


def _norm(key: str, channels: int) -> Iterator[Entry]:
    for name in ("weight", "bias", "running_mean", "running_var"):
        yield f"{key}.{name}", (channels,)
    yield f"{key}.num_batches_tracked", ()


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
    default = GeneratorConfig(width=width, downsamplings=downs, kind="regular").max_channels  # and both within bounds
    return default if latent == min(default, width * 2**downs) else latent
