"""What the keys of a generator do not show: told by a config.yaml or an option, or else assumed, and recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lama_deploy.errors import ConfigError, brief, quoted
from lama_deploy.variants import GeneratorConfig

_EVERY_KIND = {"add_out_act": "sigmoid", "padding_type": "reflect"}
# By the names and values of official config.yaml files: all that is computed here.
UNSHOWN: Mapping[str, Mapping[str, str]] = {
    "ffc": {**_EVERY_KIND, "fft_norm": "ortho", "ffc3d": "false", "spatial_scale_factor": "none"},
    "regular": {**_EVERY_KIND, "dilation": "1"},
    "dilated": {**_EVERY_KIND, "min_dilation": "1"},
}
GENERATOR = "generator"  # which of a file's generators, by its place
FIELDS = tuple(dict.fromkeys([GENERATOR, *(name for fields in UNSHOWN.values() for name in fields)]))


def parse_told(assignments: Sequence[str]) -> dict[str, str]:
    """Of FIELD=VALUE texts. Raises ConfigError."""
    told: dict[str, str] = {}
    for assignment in assignments:
        name, equals, value = (part.strip() for part in assignment.partition("="))
        if not equals or name not in FIELDS:
            raise ConfigError(f"'{brief(assignment)}': allowed are FIELD=VALUE with the fields {', '.join(FIELDS)}")
        told[name] = value
    return told


def assumed(config: GeneratorConfig, told: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """(what nothing but `told` says, what not even that does) of a generator without a config.yaml.

    Raises ConfigError where a value is told that is not computed here.
    """
    unshown = UNSHOWN[config.kind]
    for name, value in told.items():
        if name == GENERATOR:
            continue
        if name not in unshown:
            raise ConfigError(
                f"{brief(name)} is no field of a generator of kind {config.kind}; there are: {', '.join(unshown)}"
            )
        if value.lower() != unshown[name]:
            raise ConfigError(
                f"{name} is {quoted(value)}, and only {quoted(unshown[name])} is computed here; run the checkpoint in "
                "the code that trained it"
            )
    return dict(unshown), {name: value for name, value in unshown.items() if name not in told}
