"""How what is missing is installed: the command that works for how this lama-deploy was itself installed."""

from __future__ import annotations

import json
import shlex
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

NAME = "lama-deploy"
ROOT = Path(__file__).parents[1]  # of a clone, where there is one


def install(extra: str, *, upgrade: bool = False) -> str:
    """The command for an optional part of pyproject.toml, such as `pip install -e ".[torch]"` in a clone.

    A clone that is only on the path is named too; a package that came from an index has its plain name.
    """
    where = _source()
    if where is None:
        return _command(f"{NAME}[{extra}]", upgrade=upgrade)
    url, is_editable, is_folder = where
    if not is_folder:
        return _command(f"{NAME}[{extra}] @ {url}", upgrade=upgrade)
    return _command(f"{_shown(Path(url))}[{extra}]", editable=is_editable, upgrade=upgrade)


def _command(requirement: str, *, editable: bool = False, upgrade: bool) -> str:
    words = ["pip install", "--upgrade" * upgrade, "-e" * editable, _in_quotes(requirement)]
    return " ".join(filter(None, words))


def _in_quotes(requirement: str) -> str:
    """Double ones, which every shell takes; a name that holds what they do not keep is escaped for sh."""
    return shlex.quote(requirement) if any(c in requirement for c in '"$`\\!') else f'"{requirement}"'


def _source() -> tuple[str, bool, bool] | None:
    """(folder or URL, whether it is editable, whether it is a folder) of the installation; None for an index's."""
    try:
        text = distribution(NAME).read_text("direct_url.json")
    except PackageNotFoundError:  # only on the path
        return (str(ROOT), False, True) if (ROOT / "pyproject.toml").is_file() else None
    try:
        recorded: dict[str, Any] = json.loads(text or "{}")
        url, folder = str(recorded["url"]), recorded.get("dir_info")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if isinstance(folder, dict):
        return url2pathname(urlsplit(url).path), bool(folder.get("editable")), True
    version_control = recorded.get("vcs_info")
    if isinstance(version_control, dict):
        revision = version_control.get("requested_revision") or version_control.get("commit_id")
        return f"{version_control.get('vcs', 'git')}+{url}" + (f"@{revision}" if revision else ""), False, False
    return url, False, False


def _shown(folder: Path) -> str:
    """A dot where the command is typed in the clone."""
    try:
        return "." if folder.samefile(Path.cwd()) else str(folder)
    except OSError:
        return str(folder)
