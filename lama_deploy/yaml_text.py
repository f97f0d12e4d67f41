"""YAML as data, with bounds: plain values only, of a few kB, however small the text is that describes more.

Numbers, text, booleans, null, lists and mappings. A date is the text that it looks like.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import yaml

from lama_deploy.errors import ConfigError, brief

MOST_BYTES = 100_000  # of a text; official config.yaml files have 5,000
MOST_VALUES = 20_000  # with what aliases stand for written out
MOST_LEVELS = 30
MOST_DIGITS = 100  # of a number
NUMBERS = {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}
PLAIN = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "str", "seq", "map", "merge")} | NUMBERS


class _Extent(NamedTuple):
    """Of a value: how many it stands for, itself and aliases counted, and in how many levels."""

    values: int
    levels: int


def read_yaml(path: Path) -> Any:
    """The content of a file. Raises ConfigError, in one line with the file's name."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: no readable YAML ({error.strerror or error})") from error
    try:
        return parse_yaml(data)
    except ConfigError as error:
        raise ConfigError(f"{path}: no readable YAML ({error})") from error


def parse_yaml(text: str | bytes) -> Any:
    """The value that a text describes. Raises ConfigError, which does not quote the text."""
    if len(text) > MOST_BYTES:
        raise ConfigError(f"it is longer than {MOST_BYTES:,} bytes")
    try:
        loader = _Loader(text.decode("utf-8-sig") if isinstance(text, bytes) else text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except UnicodeDecodeError as error:
        raise ConfigError(f"it is not UTF-8 at byte {error.start}") from error
    except yaml.reader.ReaderError as error:
        raise ConfigError(f"character {error.position + 1}: {brief(error.reason)}") from error
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ConfigError(line + brief(error.problem or error.context)) from error
    except (ValueError, OverflowError, LookupError) as error:  # of constructors: "!!int x"
        raise ConfigError(f"a value is not of the type that its tag says: {brief(error)}") from error


class _Loader(yaml.SafeLoader):
    """Counts values as they are composed, and writes out no alias before it has counted what that would give."""

    # Without dates, which stay text.
    yaml_implicit_resolvers = {  # noqa: RUF012 (PyYAML's own way)
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._level = 0
        self._measured: dict[int, _Extent] = {}  # by the id of a node, which its document keeps alive

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._level += 1
        if self._level > MOST_LEVELS:
            raise ConfigError(f"it is nested deeper than {MOST_LEVELS} levels")
        node = super().compose_node(parent, index)
        self._level -= 1
        if node is not None and id(node) not in self._measured:
            self._measured[id(node)] = self._extent(node)
            _check(node)
        return node

    def _extent(self, node: yaml.Node) -> _Extent:
        """What is below it is measured already, unless it is an alias of something around it."""
        if isinstance(node, yaml.ScalarNode):
            return _Extent(1, 1)
        parts = [part for item in node.value for part in (item if isinstance(item, tuple) else (item,))]
        if any(id(part) not in self._measured for part in parts):
            raise ConfigError("an alias in it stands for what contains it")
        below = [self._measured[id(part)] for part in parts]
        extent = _Extent(1 + sum(e.values for e in below), 1 + max((e.levels for e in below), default=0))
        if extent.values > MOST_VALUES or extent.levels > MOST_LEVELS:
            raise ConfigError(f"it stands for more than {MOST_VALUES:,} values or {MOST_LEVELS} levels")
        return extent


def _check(node: yaml.Node) -> None:
    place = f"line {node.start_mark.line + 1}"
    if node.tag not in PLAIN:
        raise ConfigError(f"{place}: the tag {brief(node.tag)} is not read, only plain values")
    if node.tag in NUMBERS and len(node.value) > MOST_DIGITS:
        raise ConfigError(f"{place}: a number of {len(node.value):,} digits, of at most {MOST_DIGITS}")
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if (key.tag, key.value) in seen:
                raise ConfigError(f"line {key.start_mark.line + 1}: {brief(key.value)} stands there twice")
            seen.add((key.tag, key.value))
