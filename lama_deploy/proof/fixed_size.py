"""At which size bundles of one size are compared."""

from __future__ import annotations

from collections.abc import Iterable

from lama_deploy.bundle import Bundle
from lama_deploy.errors import ConfigError, brief
from lama_deploy.proof.subjects import Size


def fixed_size(compared: Iterable[Bundle], asked: str | None) -> Size | None:
    """The one that one of them takes alone; None where each takes any.

    asked: --sizes, None for none. Raises ConfigError where that, or another of the bundles, is of another size.
    """
    fixed = {Size(height, width, n) for n, height, width in (one.fixed_shape for one in compared if one.fixed_shape)}
    if len(fixed) > 1:
        raise ConfigError(
            f"the bundles take pictures of {' and '.join(sorted(map(str, fixed)))} alone, and none of both"
        )
    size = next(iter(fixed), None)
    if size and asked and {Size.parse(text) for text in asked.split(",")} != {size}:
        raise ConfigError(f"--sizes {brief(asked)}: the bundle takes pictures of {size} alone; leave --sizes out")
    return size
