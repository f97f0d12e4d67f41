"""How long work tells where it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Progress = Callable[[Sequence[Any]], Any]


def phase(progress: Progress, name: str) -> Progress:
    """The same for one phase of the work, with its name where it can show one: commands' bars have `named`."""
    named: Callable[[str], Progress] | None = getattr(progress, "named", None)
    return progress if named is None else named(name)
