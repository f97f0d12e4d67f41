"""An official config.yaml: does it describe what is computed here of the checkpoint beside it?

The keys decide what a generator is. What they do not show (how borders are padded, what ends it, how spectra are
normalised) stands only in the configuration; every field of it is compared with what is computed here, and a field
that is not known refuses the checkpoint, since official code would have stopped at it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lama_deploy.errors import CheckpointError, ConfigError, brief, quoted
from lama_deploy.variants import DILATIONS, GeneratorConfig

FILE_NAME = "config.yaml"
KINDS = {"ffc": "ffc_resnet", "regular": "pix2pixhd_global", "dilated": "pix2pixhd_multidilated"}
NONE_OF_IT: tuple[Any, ...] = (None, False, [], {}, 0)
RELU = ("relu", "ReLU", "nn.ReLU", "torch.nn.ReLU")
NORM = ("bn", "BatchNorm2d", "nn.BatchNorm2d", "torch.nn.BatchNorm2d")
MOST_HOPS = 8  # of references to references

Allowed = Any  # a tuple of values; ANYTHING; or a mapping for a section of fields
ANYTHING: Callable[[Any], bool] = lambda value: True  # noqa: E731 (of no matter for what is computed)

_SPECTRUM: Mapping[str, Allowed] = {
    "enable_lfu": (False,),
    "gated": (False, None),
    "use_se": (False, None),
    "se_kwargs": ANYTHING,
    "spatial_scale_factor": (None, 1),
    "spatial_scale_mode": ANYTHING,
    "spectral_pos_encoding": (False, None),
    "ffc3d": (False, None),
    "fft_norm": ("ortho",),
    "use_jit": ANYTHING,
}
_CONVOLUTION: Mapping[str, Allowed] = {
    "padding_type": ("reflect",),
    "groups": (1,),
    "bias": (False, None),
    "dilation": (1,),
    "norm_layer": NORM,
    "activation_layer": RELU,
    "spatial_transform_kwargs": NONE_OF_IT,
}
_LOCAL: Mapping[str, Allowed] = {  # no spectra, so that nothing of them matters
    **dict.fromkeys(_SPECTRUM, ANYTHING),
    **_CONVOLUTION,
    "gated": (False, None),
    "ratio_gin": (0,),
    "ratio_gout": (0,),
}
_EVERY_KIND: Mapping[str, Allowed] = {
    "input_nc": (4,),
    "output_nc": (3,),
    "padding_type": ("reflect",),
    "norm_layer": NORM,
    "up_norm_layer": NORM,
    "up_activation": RELU,
    "add_out_act": ("sigmoid",),
}
_CONVOLUTIONAL: Mapping[str, Allowed] = {  # regular and dilated
    "conv_kind": ("default",),
    "deconv_kind": ("convtranspose",),
    "activation": RELU,
    "affine": (None, True),
    "ffc_positions": NONE_OF_IT,
    "ffc_kwargs": ANYTHING,
}
_MULTIDILATION: Mapping[str, Allowed] = {
    "comb_mode": ("cat_in",),
    "dilation_num": (len(DILATIONS),),
    "equal_dim": (True,),
    "shared_weights": ANYTHING,  # each has its key
    "padding": (1,),
    "min_dilation": (DILATIONS[0],),
    "shuffle_in_channels": (False, None),
    "use_depthwise": (False, None),
}
# Of the module around the generator.
_TRAINING_MODEL: Mapping[str, Allowed] = {"concat_mask": (True,), "add_noise_kwargs": NONE_OF_IT}


def official_config_of(checkpoint: Path, config: GeneratorConfig) -> Path | None:
    """The config.yaml of the folder whose models/ a checkpoint lies in; or one in its own folder, where that has the
    same number of blocks: there it may be that of anything.
    """
    if checkpoint.parent.name == "models" and (checkpoint.parent.parent / FILE_NAME).is_file():
        return checkpoint.parent.parent / FILE_NAME
    beside = checkpoint.parent / FILE_NAME
    if not beside.is_file():
        return None
    try:
        root = _read(beside)
    except CheckpointError:
        return None
    generator = root.get("generator")
    blocks = _resolved(generator.get("n_blocks"), root) if isinstance(generator, Mapping) else None
    return beside if type(blocks) is int and blocks == config.blocks else None


def check_official_config(path: Path, config: GeneratorConfig) -> None:
    """Raise CheckpointError, one line with the field, where a config.yaml is of another network than is computed."""
    root = _read(path)
    generator = root.get("generator")
    if not isinstance(generator, Mapping) or "n_blocks" not in generator:
        raise CheckpointError(f"{path}: not an official LaMa config (no generator.n_blocks)")
    blocks = _resolved(generator["n_blocks"], root)
    if type(blocks) is not int or blocks != config.blocks:
        raise CheckpointError(f"{path}: says {quoted(blocks)} blocks, but the checkpoint beside it has {config.blocks}")
    if "add_out_act" not in generator:
        raise CheckpointError(
            f"{path}: generator.add_out_act is missing, which official code takes for tanh; computed here: 'sigmoid'"
        )
    around = root.get("training_model")
    around = around if isinstance(around, Mapping) else {}
    known = {name: value for name, value in around.items() if name in _TRAINING_MODEL}
    differences = [
        *_differences("generator", generator, _allowed(config), root),
        *_differences("training_model", known, _TRAINING_MODEL, root),
    ]
    for field, value, reason in differences:
        raise CheckpointError(f"{path}: {field} is {quoted(value)}; {reason}")


def _read(path: Path) -> Mapping[str, Any]:
    from lama_deploy.yaml_text import read_yaml

    try:
        values = read_yaml(path)
    except ConfigError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise CheckpointError(f"{path}: not an official LaMa config ({brief(reason, 300)})") from error
    return values if isinstance(values, Mapping) else {}


def _allowed(config: GeneratorConfig) -> Mapping[str, Allowed]:
    """The fields of the official section, with what they may be for this generator."""
    of_kind = {"ffc": _ffc, "regular": _regular, "dilated": _dilated}[config.kind]
    return {
        "kind": (KINDS[config.kind],),
        "ngf": (config.width,),
        "n_downsampling": (config.downsamplings,),
        "n_blocks": (config.blocks,),
        "max_features": lambda value: _same_channels(config, "max_channels", value),
        **_EVERY_KIND,
        **of_kind(config),
    }


def _ffc(config: GeneratorConfig) -> Mapping[str, Allowed]:
    ratio = lambda value: _same_channels(config, "ratio", value)  # noqa: E731
    return {
        "activation_layer": RELU,
        "spatial_transform_layers": NONE_OF_IT,
        "spatial_transform_kwargs": ANYTHING,
        "out_ffc": NONE_OF_IT,
        "out_ffc_kwargs": ANYTHING,
        "init_conv_kwargs": _LOCAL,
        "downsample_conv_kwargs": _LOCAL,
        "resnet_conv_kwargs": {**_SPECTRUM, **_CONVOLUTION, "ratio_gin": ratio, "ratio_gout": ratio},
    }


def _regular(config: GeneratorConfig) -> Mapping[str, Allowed]:
    return {
        **_CONVOLUTIONAL,
        **dict.fromkeys(("dilated_blocks_n", "dilated_blocks_n_start", "dilated_blocks_n_middle"), NONE_OF_IT),
        "is_resblock_depthwise": NONE_OF_IT,
        "dilation": (1,),
        "second_dilation": (None, 1),
        "dilation_block_kind": ANYTHING,
        "multidilation_kwargs": ANYTHING,
    }


def _dilated(config: GeneratorConfig) -> Mapping[str, Allowed]:
    return {**_CONVOLUTIONAL, "multidilation_kwargs": _MULTIDILATION}


def _same_channels(config: GeneratorConfig, name: str, value: Any) -> bool:
    """Whether another ratio or cap would give the same layers."""
    try:
        other = replace(config, **{name: value})
    except (ConfigError, TypeError):
        return False
    levels = range(config.downsamplings + 1)
    return other.global_channels == config.global_channels and all(
        other.channels(level) == config.channels(level) for level in levels
    )


def _differences(
    place: str, found: Mapping[Any, Any], allowed: Mapping[str, Allowed], root: Mapping[str, Any]
) -> Iterator[tuple[str, Any, str]]:
    """(field, value, what is wrong with it) of each that is something else than is computed, or not known."""
    for name, written in found.items():
        field, value = f"{place}.{brief(name, 60)}", _resolved(written, root)
        wanted = allowed.get(name) if isinstance(name, str) else None
        if wanted is None:
            yield field, value, "this field is not known here; remove it if it changes nothing of what is computed"
        elif isinstance(wanted, Mapping):
            if isinstance(value, Mapping):
                yield from _differences(field, value, wanted, root)
            elif value is not None:
                yield field, value, "it must be a section of fields"
        elif callable(wanted):
            if not wanted(value):
                yield field, value, "the checkpoint beside it has other channels"
        elif not any((type(value) is type(one) and value == one) or _same_number(value, one) for one in wanted):
            yield field, value, f"computed here: {quoted(wanted[0])}; run the checkpoint in the code that trained it"


def _same_number(value: Any, one: Any) -> bool:
    numbers = (int, float)
    return type(value) in numbers and type(one) in numbers and value == one


def _resolved(value: Any, root: Mapping[str, Any]) -> Any:
    """What "${generator.resnet_conv_kwargs.ratio_gin}" stands for; a reference to nothing is the text that it is."""
    for _ in range(MOST_HOPS):
        match = re.fullmatch(r"\$\{([\w.]+)\}", value) if isinstance(value, str) else None
        if match is None:
            break
        target: Any = root
        for part in match[1].split("."):
            target = target.get(part) if isinstance(target, Mapping) else None
        if target is None or target == value:
            break
        value = target
    return value
