"""Configurations: the paper's six by name, any other by fields, none that no generator can have."""

import dataclasses
import math

import pytest

from lama_deploy.errors import ConfigError
from lama_deploy.variants import VARIANTS, GeneratorConfig, resolve_config, variant_name


def test_configs_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        VARIANTS["big-lama"].blocks = 1  # type: ignore[misc]


@pytest.mark.parametrize("name", VARIANTS)
def test_names_and_dicts_round_trip(name: str) -> None:
    config = resolve_config(name)
    assert variant_name(config) == name
    assert GeneratorConfig.from_dict(config.to_dict()) == config


def test_sizes_follow_from_the_layers() -> None:
    assert (VARIANTS["big-lama"].multiple, VARIANTS["big-lama"].minimum_size) == (8, 16)
    assert VARIANTS["lama-dilated"].minimum_size == 72
    assert GeneratorConfig(downsamplings=1, blocks=1).minimum_size == 4
    assert (VARIANTS["big-lama"].local_channels, VARIANTS["big-lama"].global_channels) == (128, 384)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "unet"}, "allowed: ffc, regular, dilated"),
        ({"blocks": 0}, "blocks is 0"),
        ({"width": 2.5}, "width is 2.5"),
        ({"width": True}, "width is True; it must be an integer from 1 to 4096"),
        ({"width": "8"}, "width is '8'"),
        ({"width": 10**12}, "width is 1000000000000; it must be an integer from 1 to 4096"),
        ({"blocks": 10**9}, "blocks is 1000000000; it must be an integer from 1 to 512"),
        ({"downsamplings": 10**10}, "downsamplings is 10000000000; it must be an integer from 1 to 8"),
        ({"max_channels": 10**5000}, "max_channels is <int>; it must be an integer from 1 to 32768"),
        ({"ratio": math.nan}, "branch empty"),
        ({"ratio": True}, "ratio is True; it must be a number between 0 and 1"),
        ({"ratio": "0.5"}, "ratio is '0.5'"),
        ({"kind": ["ffc"]}, "kind .* is unknown"),
        ({"ratio": 0.0}, "branch empty"),
        ({"ratio": 1.0}, "branch empty"),
        ({"kind": "dilated", "max_channels": 10}, "equal branches"),
        ({"width": 64, "max_channels": 32}, "max_channels 32; it must be at least the width"),
        ({"depth": 3}, "unknown fields, such as 'depth'"),
    ],
)
def test_impossible_configs_say_why(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        GeneratorConfig.from_dict(fields)


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(ConfigError, match="lama-fourier, big-lama"):
        resolve_config("huge-lama")
