"""Where files are kept between runs."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from lama_deploy.errors import LamaDeployError, brief

CACHE_VARIABLE = "LAMA_DEPLOY_CACHE"


def cache_directory() -> Path:
    """$LAMA_DEPLOY_CACHE, else lama_deploy in the user's cache directory; "~" is the user's home.

    Raises LamaDeployError where no home is known, such as in a container for a user without an entry.
    """
    named, base = os.environ.get(CACHE_VARIABLE), os.environ.get("XDG_CACHE_HOME")
    try:
        if named:
            return Path(named).expanduser()
        return (Path(base) if base else Path("~/.cache")).expanduser() / "lama_deploy"
    except RuntimeError as error:
        raise LamaDeployError(
            f"{brief(named or base or '~/.cache')}: no home directory is known here, so there is no cache; "
            f"name a folder in ${CACHE_VARIABLE}"
        ) from error


def kept_in_cache(*names: str) -> Path | None:
    """A file or folder of the cache for what can be had without it too; None where there is no cache."""
    try:
        return cache_directory().joinpath(*names)
    except LamaDeployError:
        return None


def torch_home() -> Path | None:
    """torch.hub's folder by its own rule, without torch: others keep weights there too. None where no home is known."""
    named, base = os.environ.get("TORCH_HOME"), os.environ.get("XDG_CACHE_HOME")
    with suppress(RuntimeError):
        return Path(named).expanduser() if named else Path(base or "~/.cache").expanduser() / "torch"
    return None
