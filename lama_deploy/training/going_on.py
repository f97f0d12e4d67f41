"""A run that goes on: what it was trained with, from its own config.yaml, and what is asked to be different now."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lama_deploy.errors import CheckpointError, ConfigError, brief, quoted
from lama_deploy.training.config import RUN_SECTION, TrainConfig, config_from_dict, config_to_dict
from lama_deploy.training.state import CONFIG, LAST, TrainedOn
from lama_deploy.yaml_text import read_yaml

log = logging.getLogger(__name__)
MOST_NAMED = 12


@dataclass(frozen=True)
class Recorded:
    """What a run's config.yaml says. data: None in those of older versions."""

    config: TrainConfig
    data: TrainedOn | None


def read_run(out: Path) -> Recorded:
    """Of the run in a folder. Raises CheckpointError where there is none, ConfigError for a file that is no run's."""
    file = out / CONFIG
    if not file.is_file():
        raise CheckpointError(f"{brief(str(out / LAST))}: no saved state here; start without --resume")
    values = read_yaml(file)
    section = values.get(RUN_SECTION) if isinstance(values, Mapping) else None
    if not isinstance(section, Mapping):
        raise ConfigError(f"{brief(str(file))}: is no run of lama-train's; give --config, or another --out")
    location = values.get("location")
    return Recorded(config_from_dict(section), _data(location) if isinstance(location, Mapping) else None)


def _data(location: Mapping[str, Any]) -> TrainedOn | None:
    folder, pictures = location.get("data_root_dir"), location.get("pictures")
    if not isinstance(folder, str) or not folder:
        return None
    return TrainedOn(Path(folder), pictures if type(pictures) is int else None)


def changes(before: TrainConfig, now: TrainConfig) -> list[str]:
    """Settings that are others, such as "data.batch_size 2 -> 4"."""
    old, new = dict(_settings("", config_to_dict(before))), dict(_settings("", config_to_dict(now)))
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return [f"{name} {quoted(old.get(name), 60)} -> {quoted(new.get(name), 60)}" for name in names]


def say_changes(out: Path, config: TrainConfig, data: TrainedOn) -> None:
    """Log what is not as the run's config.yaml says; nothing where that cannot be read.

    Another number of pictures makes every sample another one.
    """
    try:
        recorded = read_run(out)
    except (CheckpointError, ConfigError):
        return
    told = changes(recorded.config, config)
    before, now = recorded.data, data.folder.absolute()
    if before is not None and before.folder != now:
        told.append(f"the data {quoted(str(before.folder))} -> {quoted(str(now))}")
    if before is not None and before.pictures not in (None, data.pictures):
        told.append(f"pictures {before.pictures} -> {data.pictures}")
    if told:
        more = f" and {len(told) - MOST_NAMED} more" if len(told) > MOST_NAMED else ""
        log.warning("%s: goes on with other settings: %s%s", brief(str(out)), ", ".join(told[:MOST_NAMED]), more)


def _settings(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _settings(f"{prefix}{name}.", value)
        else:
            yield prefix + name, value
