"""The description that package indexes show: README.md without what leads nowhere from there.

An index knows no files of ours. `pages` in pyproject.toml is where the repository's files are served, for whoever
publishes: links and pictures then lead there; while it is empty, links become their text and pictures are left out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"(!?)\[([^\]]*)\]\((?![a-z]+://|#)([^)]+)\)")  # (picture, text, a file of ours)


class DescriptionHook(MetadataHookInterface):
    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Adds `readme` to the project's metadata."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": for_an_index(text, self.config.get("pages", ""))}


def for_an_index(text: str, pages: str) -> str:
    """pages: an address that the files' paths are put behind, or "" for none."""

    def replaced(link: re.Match[str]) -> str:
        picture, words, file = link.groups()
        if pages:
            return f"{picture}[{words}]({pages.rstrip('/')}/{file})"
        return "" if picture else words

    return LINK.sub(replaced, text)
