"""Where files are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE = "LAMA_DEPLOY_CACHE"


def cache_directory() -> Path:
    """$LAMA_DEPLOY_CACHE, else lama_deploy in the user's cache directory."""
    if os.environ.get(CACHE_VARIABLE):
        return Path(os.environ[CACHE_VARIABLE])
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "lama_deploy"
