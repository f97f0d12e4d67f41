"""What a training run is: frozen sections, read from YAML, any field overridable by its dotted name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from lama_deploy.errors import ConfigError, brief, quoted
from lama_deploy.training.losses import FakeLabels
from lama_deploy.training.perceptual import Reduction
from lama_deploy.variants import VARIANTS, GeneratorConfig
from lama_deploy.yaml_text import parse_yaml, read_yaml

Augmentation = Literal["distortions", "photographs", "none"]
Precision = Literal["32-true", "bf16-mixed"]
# Bounds of whole numbers, far beyond any use: nothing is computed or made of a number that is not within them.
Count = Annotated[int, Field(gt=0, le=1_000_000_000)]
Pixels = Annotated[int, Field(gt=0, le=65_536)]
Channels = Annotated[int, Field(gt=0, le=4096)]
Layers = Annotated[int, Field(gt=0, le=16)]
Workers = Annotated[int, Field(ge=0, le=1024)]
Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Factor = Annotated[float, Field(gt=0, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig:
    """width: channels of the first layer (official `ndf`); layers: strided ones (`n_layers`)."""

    width: Channels = 64
    layers: Layers = 4


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """Weights and reductions; the defaults are the official configs', PAPER_LOSSES what the paper writes.

    discriminator: factor on the discriminator's loss. Official code multiplies the generator's adversarial loss
        by 10 and leaves the discriminator's alone; the paper's kappa is on both.
    """

    l1_known: Weight = 10.0
    l1_missing: Weight = 0.0
    adversarial: Weight = 10.0
    discriminator: Weight = 1.0
    r1: Weight = 0.001
    fake_labels: FakeLabels = "nearest"
    feature_matching: Weight = 100.0
    perceptual: str = "resnet50-dilated-ade20k"
    perceptual_weight: Weight = 30.0
    perceptual_reduction: Reduction = "sum"
    perceptual_weights: str | None = None


RUN_SECTION = "lama_deploy"  # of a run's config.yaml; the file's other section is for official code
OFFICIAL_LOSSES = LossConfig()
PAPER_LOSSES = LossConfig(l1_known=0.0, discriminator=10.0, fake_labels="touched", perceptual_reduction="mean")


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """Adam for both networks; gradients clipped to a norm of `clip_norm` each.

    decay: the learning rates' course over `steps`: "constant" (official) or "cosine" to zero.
    ema: decay per step of the averaged generator that is exported too, or null for none (official default).
    fresh_fakes: the discriminator's step runs the generator again, after its update (official); false reuses the
        prediction of the generator's step, which saves one forward pass.
    """

    generator_lr: Positive = 1e-3
    discriminator_lr: Positive = 1e-4
    beta1: Decay = 0.9
    beta2: Decay = 0.999
    clip_norm: Positive = 1.0
    decay: Literal["constant", "cosine"] = "constant"
    ema: Decay | None = None
    fresh_fakes: bool = True


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """batch_size: of one process. crop: side in pixels.

    least_scale: augmentation "photographs" makes a picture smaller by a factor from it to 1 before it cuts the crop.
    masks: a name of MASK_SETS; mask_scale: factor on its lengths, for crops other than 256.
    mask_files: folder of object masks (segmentation), drawn with probability `mask_files_share`; each object is cut
        out, flipped, scaled and put somewhere, or with mask_files_as_is the whole mask is used where it is.
    outpainting_share: probability of an outpainting mask.
    shares: relative shares of the data folder's subfolders, such as {photos: 3, textures: 1}; empty: as they are.
    """

    batch_size: Count = 10
    crop: Pixels = 256
    augmentation: Augmentation = "distortions"
    least_scale: Factor = 0.25
    masks: str = "train"
    mask_scale: Annotated[float, Field(gt=0, le=1000)] = 1.0
    mask_files: str | None = None
    mask_files_share: Share = 0.0
    mask_files_as_is: bool = False
    outpainting_share: Share = 0.0
    shares: Mapping[str, Positive] = field(default_factory=dict)
    workers: Workers = 3


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """A run. `steps` counts pairs of one generator and one discriminator update."""

    generator: GeneratorConfig = VARIANTS["lama-fourier"]
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    losses: LossConfig = OFFICIAL_LOSSES
    optimizer: OptimizerConfig = OptimizerConfig()
    data: DataConfig = DataConfig()
    steps: Count = 1_000_000
    seed: Seed = 0
    precision: Precision = "32-true"
    channels_last: bool = False
    log_every: Count = 250
    pictures_every: Count = 1000
    save_every: Count = 5000

    def __post_init__(self) -> None:
        crop, multiple, least = self.data.crop, self.generator.multiple, self.generator.minimum_size
        if crop % multiple or crop < least:
            raise ConfigError(f"data.crop is {crop}; this generator needs a multiple of {multiple}, at least {least}")


SHORTHANDS: Mapping[str, Mapping[str, Any]] = {
    "generator": VARIANTS,
    "losses": {"official": OFFICIAL_LOSSES, "paper": PAPER_LOSSES},
}


def config_to_dict(config: TrainConfig) -> dict[str, Any]:
    """Plain nested dictionaries, as YAML holds them."""
    return dataclasses.asdict(config)


def config_from_dict(values: Mapping[str, Any], base: TrainConfig | None = None) -> TrainConfig:
    """Nested values over `base`; a section may be a name, such as `generator: big-lama` or `losses: paper`.

    Raises ConfigError that names an unknown or ill-typed field.
    """
    try:
        return TypeAdapter(TrainConfig).validate_python(_merged(base or TrainConfig(), values, ""))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(brief(part) for part in first["loc"])
        raise ConfigError(f"{name} is {quoted(first['input'])}: {brief(first['msg'].lower())}") from error


def read_config(path: Path, base: TrainConfig | None = None) -> TrainConfig:
    """From a YAML file of one's own, or the config.yaml of an earlier run. Raises ConfigError."""
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: a training configuration is a mapping of sections, this is {quoted(values)}")
    return config_from_dict(values.get(RUN_SECTION, values), base)


def override(config: TrainConfig, assignments: Sequence[str]) -> TrainConfig:
    """Apply `section.field=value` strings, values in YAML's notation. Raises ConfigError."""
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ConfigError(
                f"'{brief(assignment)}' is no assignment; write section.field=value, such as data.crop=128"
            )
        try:
            values: Any = parse_yaml(text)
        except ConfigError as error:
            raise ConfigError(f"'{brief(assignment)}': its value is no YAML ({error})") from error
        for part in reversed(name.split(".")):
            values = {part: values}
        config = config_from_dict(values, config)
    return config


def _merged(section: Any, values: Any, prefix: str) -> dict[str, Any]:
    """The section's fields with `values` put in, not yet checked, but for what pydantic would take for a number."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"{prefix[:-1] or 'a training configuration'} is a section of settings, not {quoted(values)}")
    merged = {field.name: getattr(section, field.name) for field in fields(section)}
    for name, value in values.items():
        if name not in merged:
            raise ConfigError(f"no such setting: {prefix}{brief(name)}; there are: {', '.join(merged)}")
        current = merged[name]
        if isinstance(value, bool) and type(current) in (int, float):
            raise ConfigError(f"{prefix}{name} is {value}; it must be a number")
        merged[name] = _section(current, value, prefix + name) if dataclasses.is_dataclass(current) else value
    return merged


def _section(current: Any, value: Any, name: str) -> Any:
    if isinstance(value, str):
        known = SHORTHANDS.get(name, {})
        if value not in known:
            raise ConfigError(f"{name}: '{brief(value)}' is no known name; known: {', '.join(known) or 'none'}")
        return known[value]
    return _merged(current, value, f"{name}.")
