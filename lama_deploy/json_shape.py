"""Is a value that was read from JSON of the shape that its reader relies on? Told in one line where it is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lama_deploy.errors import brief

Shape = Any  # a Rule; {key: Shape} ("key?" may be missing, other keys are let be); [Shape] for a list of any length


@dataclass(frozen=True)
class Rule:
    """words: what is allowed."""

    words: str
    holds: Callable[[Any], bool]


@dataclass(frozen=True)
class Each:
    """An object with any keys, every value of one shape."""

    shape: Shape


def one_of(*allowed: str) -> Rule:
    return Rule(" or ".join(map(repr, allowed)), lambda value: isinstance(value, str) and value in allowed)


def whole(least: int, most: int) -> Rule:
    return Rule(
        f"an integer from {least} to {most}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most,
    )


def optional(shape: Rule) -> Rule:
    return Rule(f"{shape.words} or null", lambda value: value is None or shape.holds(value))


TEXT = Rule("a text", lambda value: isinstance(value, str))
OBJECT = Rule("an object", lambda value: isinstance(value, dict))
NUMBER = Rule(
    "a finite number",
    lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and -1e300 < value < 1e300,
)
SHA256 = Rule("a SHA-256 in hex", lambda value: isinstance(value, str) and bool(re.fullmatch("[0-9a-f]{64}", value)))


def misshapen(value: Any, shape: Shape, where: str = "") -> str | None:
    """What is wrong, such as "files.model.onnx.bytes is 'x' and must be an integer"; None where nothing is."""
    if isinstance(shape, Rule):
        return None if shape.holds(value) else f"{where} is {brief(value, 60)} and must be {shape.words}"
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{where} is {brief(value, 60)} and must be a list"
        parts = ((item, shape[0], f"{where}[{index}]") for index, item in enumerate(value))
    elif not isinstance(value, dict):
        return f"{where or 'all of it'} is {brief(value, 60)} and must be an object"
    elif isinstance(shape, Each):
        parts = ((item, shape.shape, _under(where, key)) for key, item in value.items())
    else:
        missing = [key for key in shape if not key.endswith("?") and key not in value]
        if missing:
            return f"{_under(where, missing[0])} is missing"
        present: Mapping[str, Shape] = {key.removesuffix("?"): rule for key, rule in shape.items()}
        parts = ((value[key], rule, _under(where, key)) for key, rule in present.items() if key in value)
    return next((found for part in parts if (found := misshapen(*part))), None)


def _under(where: str, key: str) -> str:
    return f"{where}.{brief(key, 60)}" if where else brief(key, 60)
