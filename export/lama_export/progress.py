"""How long work tells where it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Progress = Callable[[Sequence[Any]], Any]
