"""docs/engines.md, made from the record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "engines.md"


def page(record: dict[str, Any]) -> str:
    return ""


def failures(record: dict[str, Any]) -> list[str]:
    return []
