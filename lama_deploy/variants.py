"""The paper's six generators as frozen configurations, by name, and any other width, depth and ratio.

Sources: LaMa (WACV 2022) Table 2 and supplementary; the official configs named beside each entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from lama_deploy.errors import ConfigError, quoted

Kind = Literal["ffc", "regular", "dilated"]

STEM_PADDING = 3  # reflect padding in front of the 7x7 stem and head
DILATIONS = (1, 2, 4, 8)  # of the four branches of official `MultidilatedConv`
# Nothing is computed of a number from any file before it is within these; the paper's largest are 64, 3, 18, 1024.
MOST: Mapping[str, int] = {"width": 4096, "downsamplings": 8, "blocks": 512, "max_channels": 32_768}


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """Shape of a LaMa generator: (N, 4, H, W) -> (N, 3, H, W), H and W multiples of `multiple`.

    kind: "ffc" (official `ffc_resnet`), "regular" (`pix2pixhd_global`) or "dilated"
        (`pix2pixhd_multidilated`, `cat_in`, dilations 1, 2, 4, 8).
    width: channels of the first layer (official `ngf`).
    downsamplings: stride-2 stages; the latent is 2**downsamplings times smaller than the image.
    blocks: residual blocks in the trunk.
    ratio: share of the trunk's channels in the global branch, 0 < ratio < 1; "ffc" only.
    max_channels: cap on the channels of any layer (official `max_features`).
    """

    kind: Kind = "ffc"
    width: int = 64
    downsamplings: int = 3
    blocks: int = 9
    ratio: float = 0.75
    max_channels: int = 1024

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ConfigError(f"generator kind {quoted(self.kind)} is unknown; allowed: {', '.join(get_args(Kind))}")
        for name, most in MOST.items():
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= most:
                raise ConfigError(f"generator {name} is {quoted(value)}; it must be an integer from 1 to {most}")
        if type(self.ratio) not in (int, float):
            raise ConfigError(f"generator ratio is {quoted(self.ratio)}; it must be a number between 0 and 1")
        if self.kind == "ffc":
            self._check_branches()
        if self.kind == "dilated" and self.latent_channels % len(DILATIONS):
            raise ConfigError(
                f"a dilated trunk of {self.latent_channels} channels cannot be split "
                f"into {len(DILATIONS)} equal branches; use a multiple of {len(DILATIONS)}"
            )
        if self.width > self.max_channels:
            raise ConfigError(
                f"generator width is {self.width}, and max_channels {self.max_channels}; it must be at least the width"
            )

    def _check_branches(self) -> None:
        if not 0 < self.ratio < 1 or self.local_channels < 1 or self.global_channels < 2:
            raise ConfigError(
                f"ratio {quoted(self.ratio)} of {self.latent_channels} trunk channels leaves a branch empty; it must "
                "give at least 1 local and 2 global channels (kind 'regular' has no global branch)"
            )

    def channels(self, level: int) -> int:
        """Channels after `level` downsamplings."""
        return int(min(self.max_channels, self.width * 2**level))

    @property
    def latent_channels(self) -> int:
        return self.channels(self.downsamplings)

    @property
    def global_channels(self) -> int:
        return int(self.latent_channels * self.ratio)

    @property
    def local_channels(self) -> int:
        return self.latent_channels - self.global_channels

    @property
    def multiple(self) -> int:
        """Images are padded to a multiple of this many pixels."""
        return int(2**self.downsamplings)

    @property
    def minimum_size(self) -> int:
        """Least side in pixels: reflect padding by p needs more than p latent pixels."""
        reach = max(DILATIONS) if self.kind == "dilated" else 1
        return max(self.multiple * (reach + 1), STEM_PADDING + 1)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> GeneratorConfig:
        """Inverse of `to_dict`. Raises ConfigError for unknown fields, and for what is no mapping."""
        allowed = [field.name for field in fields(cls)]
        if not isinstance(values, Mapping):
            raise ConfigError(f"a generator config is a mapping, not {quoted(values)}; allowed: {', '.join(allowed)}")
        unknown = next((name for name in values if name not in allowed), None)
        if unknown is not None:
            raise ConfigError(
                f"a generator has unknown fields, such as {quoted(unknown)}; allowed: {', '.join(allowed)}"
            )
        return cls(**values)


VARIANTS: Mapping[str, GeneratorConfig] = {
    "lama-fourier": GeneratorConfig(),  # ffc_resnet_075
    "big-lama": GeneratorConfig(blocks=18),  # big-lama
    "shallow-fourier": GeneratorConfig(blocks=6),  # ffc_resnet_075 with n_blocks=6
    "lama-regular": GeneratorConfig(kind="regular"),  # pix2pixhd_global_sigmoid
    "deep-regular": GeneratorConfig(kind="regular", blocks=15),  # big-lama-regular
    "lama-dilated": GeneratorConfig(kind="dilated"),  # pix2pixhd_multidilated_catin_4dil_9b
    "lama-demo": GeneratorConfig(width=32, blocks=6),  # ours: at most 12 MB in half precision
}


def variant_name(config: GeneratorConfig) -> str | None:
    """The name in VARIANTS of a configuration, None for a custom one."""
    return next((name for name, known in VARIANTS.items() if known == config), None)


def resolve_config(name_or_config: str | GeneratorConfig) -> GeneratorConfig:
    """A configuration from a VARIANTS name or itself. Raises ConfigError for an unknown name."""
    if isinstance(name_or_config, GeneratorConfig):
        return name_or_config
    if name_or_config not in VARIANTS:
        raise ConfigError(f"variant '{quoted(name_or_config)}' is unknown; known: {', '.join(VARIANTS)}")
    return VARIANTS[name_or_config]
